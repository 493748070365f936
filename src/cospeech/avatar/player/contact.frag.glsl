// Seen from below the floor: how close the body is to it, nearer darker.
in float height;
out vec4 screen;
uniform float floorHeight;

void main() {
  float near = 1.0 - clamp((height - floorHeight) / 0.42, 0.0, 1.0);
  screen = vec4(near * near);
}
