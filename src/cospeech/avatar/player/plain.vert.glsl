// The posed body where only its place matters: shadow map and contact shadow.
in vec3 position;
uniform mat4 viewProjection;
out float height;

void main() {
  height = position.y;
  gl_Position = viewProjection * vec4(position, 1.0);
}
