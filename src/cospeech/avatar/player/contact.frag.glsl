// Seen from below the floor: how close the body is to it, nearer darker.
in vec3 worldPosition;
out vec4 screen;
uniform float floorHeight;

void main() {
  float near = 1.0 - clamp((worldPosition.y - floorHeight) / 0.42, 0.0, 1.0);
  screen = vec4(near * near);
}
