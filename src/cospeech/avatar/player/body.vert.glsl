// The posed body, metres in world space.
in vec3 position;
in vec3 normal;
in vec3 colour; // linear
in vec3 surface;

uniform mat4 viewProjection;
uniform mat4 lightProjection;

out vec3 worldPosition;
out vec3 worldNormal;
out vec3 linearColour;
out vec4 lightPosition;
out vec3 surfaceAt; // occlusion, shine, softness

void main() {
  worldPosition = position;
  worldNormal = normal;
  linearColour = colour;
  surfaceAt = surface;
  // A step outwards along the normal keeps a surface from shadowing itself.
  lightPosition = lightProjection * vec4(position + 0.007 * normalize(normal), 1.0);
  gl_Position = viewProjection * vec4(position, 1.0);
}
