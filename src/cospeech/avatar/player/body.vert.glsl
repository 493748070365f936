// Linear blend skinning with up to eight influences; positions in metres, world space out.
in vec3 position;
in vec3 normal;
in vec3 colour;
in vec3 surface;
in uvec4 jointsA;
in uvec4 jointsB;
in vec4 weightsA;
in vec4 weightsB;

layout(std140) uniform Joints {
  vec4 rows[3 * JOINTS];
};
uniform mat4 viewProjection;
uniform mat4 lightProjection;

out vec3 worldPosition;
out vec3 worldNormal;
out vec3 linearColour;
out vec4 lightPosition;
out vec3 surfaceAt; // occlusion, shine, skin

void gather(inout vec4 x, inout vec4 y, inout vec4 z, uvec4 joints, vec4 weights) {
  for (int i = 0; i < 4; i++) {
    int j = 3 * int(joints[i]);
    x += weights[i] * rows[j];
    y += weights[i] * rows[j + 1];
    z += weights[i] * rows[j + 2];
  }
}

void main() {
  vec4 x = vec4(0.0), y = vec4(0.0), z = vec4(0.0);
  gather(x, y, z, jointsA, weightsA);
  if (weightsB.x > 0.0) gather(x, y, z, jointsB, weightsB);
  vec4 p = vec4(position, 1.0);
  worldPosition = vec3(dot(x, p), dot(y, p), dot(z, p));
  worldNormal = vec3(dot(x.xyz, normal), dot(y.xyz, normal), dot(z.xyz, normal));
  linearColour = mix(colour / 12.92, pow((colour + 0.055) / 1.055, vec3(2.4)), step(0.04045, colour));
  surfaceAt = surface;
  // A step outwards along the normal keeps a surface from shadowing itself.
  lightPosition = lightProjection * vec4(worldPosition + 0.007 * normalize(worldNormal), 1.0);
  gl_Position = viewProjection * vec4(worldPosition, 1.0);
}
