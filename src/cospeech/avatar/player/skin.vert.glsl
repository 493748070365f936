// Linear blend skinning with up to eight influences, once a frame; the result is captured into a buffer
// that all passes draw, for three passes would skin every corner of every triangle three times.
in vec3 position;
in vec3 normal;
in uvec4 jointsA;
in uvec4 jointsB;
in vec4 weightsA;
in vec4 weightsB;

layout(std140) uniform Joints {
  vec4 rows[3 * JOINTS];
};

out vec3 posedPosition;
out vec3 posedNormal;

void gather(inout vec4 x, inout vec4 y, inout vec4 z, uvec4 joints, vec4 weights) {
  for (int i = 0; i < 4; i++) {
    if (weights[i] == 0.0) return; // the strongest come first
    int j = 3 * int(joints[i]);
    x += weights[i] * rows[j];
    y += weights[i] * rows[j + 1];
    z += weights[i] * rows[j + 2];
  }
}

void main() {
  vec4 x = vec4(0.0), y = vec4(0.0), z = vec4(0.0);
  gather(x, y, z, jointsA, weightsA);
  gather(x, y, z, jointsB, weightsB);
  vec4 p = vec4(position, 1.0);
  posedPosition = vec3(dot(x, p), dot(y, p), dot(z, p));
  posedNormal = vec3(dot(x.xyz, normal), dot(y.xyz, normal), dot(z.xyz, normal));
  gl_Position = vec4(0.0);
}
