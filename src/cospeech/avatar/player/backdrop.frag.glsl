in vec2 uv;
out vec4 screen;

void main() {
  screen = vec4(dithered(backdrop(uv)), 1.0);
}
