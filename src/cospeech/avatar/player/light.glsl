// The studio: one key with a soft shadow, a fill and two rims, sky and floor. The same lights as
// avatar/light.py, so that a page and a video of one motion look alike; they turn with the camera.
uniform vec3 eye;
uniform vec3 keyDirection; // towards the light, as all of these
uniform vec3 fillDirection;
uniform vec3 rimRight;
uniform vec3 rimLeft;
uniform mediump sampler2DShadow shadowMap;
uniform float shadowTexel; // the unit of a shadow's softness, in coordinates of the map
uniform int shadowTaps;

const vec3 KEY = vec3(1.62, 1.52, 1.40);
const vec3 FILL = vec3(0.30, 0.34, 0.40);
const vec3 RIM_RIGHT = vec3(0.85, 0.92, 1.05);
const vec3 RIM_LEFT = vec3(0.45, 0.44, 0.42);
const vec3 SKY = vec3(0.56, 0.60, 0.66);
const vec3 GROUND = vec3(0.30, 0.27, 0.25);

float hash(vec2 p) {
  // Interleaved gradient noise (Jimenez 2014): evenly spread, so blur and dithering look smooth.
  return fract(52.9829189 * fract(dot(p, vec2(0.06711056, 0.00583715))));
}

/** Share of the key light that arrives, softened over `radius` units. */
float keyLight(vec4 at, float bias, float radius) {
  vec3 p = at.xyz * 0.5 + 0.5;
  if (p.z > 1.0 || any(lessThan(p.xy, vec2(0.0))) || any(greaterThan(p.xy, vec2(1.0)))) return 1.0;
  float turn = 6.2831853 * hash(gl_FragCoord.xy);
  float lit = 0.0;
  for (int i = 0; i < shadowTaps; i++) {
    float k = float(i) + 0.5;
    float r = sqrt(k / float(shadowTaps)) * radius * shadowTexel; // a Vogel disc
    float a = turn + k * 2.3999632;
    lit += texture(shadowMap, vec3(p.xy + r * vec2(cos(a), sin(a)), p.z - bias));
  }
  return lit / float(shadowTaps);
}

/** Leave dark and middle tones, roll highlights off towards 1. */
vec3 shoulder(vec3 x) {
  const float knee = 0.62;
  vec3 over = max(x - knee, 0.0);
  return min(x, knee) + (1.0 - knee) * over / (over + (1.0 - knee));
}

vec3 toScreen(vec3 linear) {
  vec3 c = clamp(shoulder(linear), 0.0, 1.0);
  return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}

/** Half a step of noise: gradients without bands. */
vec3 dithered(vec3 c) {
  return c + (hash(gl_FragCoord.xy + 7.0) - 0.5) / 255.0;
}
