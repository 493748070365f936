uniform mat4 viewProjection;
uniform mat4 lightProjection;
uniform vec3 centre;
uniform float floorHeight;
uniform float radius;
out vec3 worldPosition;
out vec4 lightPosition;

void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
  worldPosition = vec3(centre.x + corner.x * radius, floorHeight, centre.z + corner.y * radius);
  lightPosition = lightProjection * vec4(worldPosition, 1.0);
  gl_Position = viewProjection * vec4(worldPosition, 1.0);
}
