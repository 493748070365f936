in vec2 uv;
out vec4 screen;
uniform sampler2D image;
uniform vec2 stride; // one texel along the axis of this pass

void main() {
  float sum = 0.0, total = 0.0;
  for (int i = -6; i <= 6; i++) {
    float w = exp(-float(i * i) / 14.0);
    sum += w * texture(image, uv + stride * float(i)).r;
    total += w;
  }
  screen = vec4(sum / total);
}
