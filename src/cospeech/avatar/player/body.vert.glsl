// The posed body, metres in world space.
in vec3 position;
in vec3 normal;
in vec3 colour; // linear
in vec3 surface;
#ifdef TEXTURED
in vec2 uv;
in vec2 picture; // layer, -1 for none; alpha below which nothing is there, in bytes
out vec2 uvAt;
flat out vec2 pictureAt;
#endif

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
#ifdef TEXTURED
  uvAt = uv;
  pictureAt = picture;
#endif
  // A step outwards along the normal keeps a surface from shadowing itself.
  lightPosition = lightProjection * vec4(position + 0.007 * normalize(normal), 1.0);
  gl_Position = viewProjection * vec4(position, 1.0);
}
