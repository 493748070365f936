in vec3 worldPosition;
in vec3 worldNormal;
in vec3 linearColour;
in vec4 lightPosition;
in vec3 surfaceAt;
#ifdef TEXTURED
in vec2 uvAt;
flat in vec2 pictureAt; // layer, -1 for none; alpha below which nothing is there, in bytes
uniform mediump sampler2DArray pictures;
#endif
out vec4 screen;

/** GGX highlight of a dielectric for a light of unit strength. */
float highlight(vec3 n, vec3 l, vec3 v, float roughness, float f0) {
  vec3 h = normalize(l + v);
  float nl = max(dot(n, l), 0.0), nv = max(dot(n, v), 1e-3), nh = max(dot(n, h), 0.0);
  float a = roughness * roughness, a2 = a * a;
  float d = nh * nh * (a2 - 1.0) + 1.0;
  float k = a * 0.5;
  float visible = 0.25 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
  float fresnel = f0 + (1.0 - f0) * pow(1.0 - max(dot(l, h), 0.0), 5.0);
  return a2 / (3.14159265 * d * d) * visible * fresnel * nl;
}

void main() {
  vec3 n = normalize(worldNormal);
  vec3 v = normalize(eye - worldPosition);
  float facing = dot(n, v);
  if (facing < 0.0) n = normalize(n - v * facing * 1.02); // smooth normals may turn away at the rims
  facing = max(facing, 0.0);
  float occlusion = surfaceAt.x, shine = surfaceAt.y, softness = surfaceAt.z;
  vec3 albedo = linearColour;
#ifdef TEXTURED
  vec4 texel = texture(pictures, vec3(uvAt, max(pictureAt.x, 0.0)));
  if (pictureAt.x >= 0.0) {
    if (texel.a * 255.0 < pictureAt.y) discard;
    albedo *= texel.rgb;
  }
#endif

  // Key: light wraps a little round the form, on skin redder and further (scattering under the skin);
  // the edge of a shadow on skin is red for the same reason.
  float lit = keyLight(lightPosition, 0.0006, mix(8.0, 9.0, softness));
  vec3 wrap = 0.08 + softness * vec3(0.28, 0.10, 0.05);
  float lambert = dot(n, keyDirection);
  vec3 diffuse = pow(max((lambert + wrap) / (1.0 + wrap), 0.0), vec3(1.1));
  vec3 shadow = 1.0 - 0.82 * (1.0 - pow(vec3(lit), mix(vec3(1.0), vec3(0.70, 0.95, 1.0), softness)));
  vec3 light = diffuse * KEY * shadow * (0.4 + 0.6 * occlusion);

  // Light that reaches a crease has bounced off the same surface and takes its colour (Jimenez 2016).
  vec3 open = pow(vec3(occlusion), 1.8 - 0.8 * albedo);
  light += max(dot(n, fillDirection) * 0.7 + 0.3, 0.0) * (0.35 + 0.65 * occlusion) * FILL;
  light += mix(GROUND, SKY, 0.5 + 0.5 * n.y) * open * mix(0.7, 1.0, smoothstep(0.0, 0.8, worldPosition.y));
  vec3 colour = albedo * light * 0.72;

  float roughness = mix(0.62, 0.20, smoothstep(0.3, 1.0, shine));
  float key = highlight(n, keyDirection, v, roughness, 0.04) * lit;
  float fill = highlight(n, fillDirection, v, roughness, 0.04);
  key += softness * 0.35 * highlight(n, keyDirection, v, 0.34, 0.03) * lit; // the skin's film of oil
  colour += (key * KEY + fill * FILL) * occlusion * (0.25 + 1.5 * shine);

  float edge = (1.0 - facing) * (1.0 - facing);
  vec3 rims = RIM_RIGHT * max(dot(n, rimRight), 0.0) + RIM_LEFT * max(dot(n, rimLeft), 0.0);
  colour += rims * edge * occlusion * (0.03 + 0.55 * albedo);
  colour += albedo * edge * (1.0 - softness) * (1.0 - shine) * 0.10; // the fuzz of cloth
  screen = vec4(dithered(toScreen(colour)), 1.0);
}
