// The floor is the wall's paper run under the feet: no edge, a brighter pool, shadows.
in vec3 worldPosition;
in vec4 lightPosition;
out vec4 screen;
uniform vec3 centre;
uniform float radius;
uniform vec2 viewport;
uniform sampler2D contact;
uniform float contactSize; // metres across

const vec3 FLOOR = vec3(0.80, 0.82, 0.845);

void main() {
  vec2 offset = worldPosition.xz - centre.xz;
  float away = length(offset) / radius;
  vec3 paper = backdrop(gl_FragCoord.xy / viewport);
  vec3 colour = mix(paper, FLOOR, 0.55 * (1.0 - smoothstep(0.1, 1.0, away)));
  float shade = 0.30 * (1.0 - keyLight(lightPosition, 0.0008, 14.0)) * (1.0 - smoothstep(0.35, 0.75, away));
  vec2 at = offset / contactSize + 0.5;
  bool inside = all(greaterThan(at, vec2(0.0))) && all(lessThan(at, vec2(1.0)));
  float touch = inside ? texture(contact, at).r : 0.0;
  colour *= (1.0 - shade) * (1.0 - 0.62 * touch);
  float grazing = clamp((eye.y - worldPosition.y) / 0.06, 0.0, 1.0); // from the floor's own height it has no top
  screen = vec4(dithered(mix(paper, colour, grazing)), 1.0);
}
