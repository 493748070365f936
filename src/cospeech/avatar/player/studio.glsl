/** The wall behind the speaker, lit in the middle, as avatar/scene.py paints it; sRGB. `at` from below left. */
vec3 backdrop(vec2 at) {
  vec2 p = vec2((at.x * 2.0 - 1.0) / 1.1, (0.55 - at.y) / 0.55);
  float tone = 0.25 * (1.0 - at.y) + 0.75 * exp(-dot(p, p));
  vec3 wall = mix(vec3(0.60, 0.66, 0.73), vec3(0.86, 0.88, 0.90), tone);
  vec2 q = at * 2.0 - 1.0;
  return wall * (1.0 - 0.10 * max(dot(q, q) - 0.6, 0.0));
}
