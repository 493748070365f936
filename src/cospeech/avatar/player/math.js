// Vectors, quaternions and matrices: the little of them that a player needs.
// Quaternions are (w, x, y, z); 4x4 matrices are column-major as WebGL takes them.

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
export const mix = (a, b, t) => a + (b - a) * t;
export const smoothstep = (x) => {
  const t = clamp(x, 0, 1);
  return t * t * (3 - 2 * t);
};

export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const length = (a) => Math.hypot(a[0], a[1], a[2]);
export const normalize = (a) => scale(a, 1 / (length(a) || 1));
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const mix3 = (a, b, t) => [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];

/** Rotation vector (axis times radians) -> unit quaternion, into out[o..o+3]. */
export function exponential(x, y, z, out, o) {
  const angle = Math.sqrt(x * x + y * y + z * z);
  const s = angle > 1e-4 ? Math.sin(angle / 2) / angle : 0.5 - (angle * angle) / 48;
  out[o] = Math.cos(angle / 2);
  out[o + 1] = x * s;
  out[o + 2] = y * s;
  out[o + 3] = z * s;
}

/** Spherical interpolation of the quaternions a[o..] and b[o..] by the short way, into out[o..]. */
export function slerp(a, b, t, out, o) {
  let d = a[o] * b[o] + a[o + 1] * b[o + 1] + a[o + 2] * b[o + 2] + a[o + 3] * b[o + 3];
  const sign = d < 0 ? -1 : 1;
  d = Math.min(d * sign, 1);
  let wa = 1 - t;
  let wb = t;
  if (d < 0.9995) {
    const angle = Math.acos(d);
    const sine = Math.sin(angle);
    wa = Math.sin((1 - t) * angle) / sine;
    wb = Math.sin(t * angle) / sine;
  }
  wb *= sign;
  let n = 0;
  for (let i = 0; i < 4; i++) {
    out[o + i] = a[o + i] * wa + b[o + i] * wb;
    n += out[o + i] * out[o + i];
  }
  n = 1 / Math.sqrt(n);
  for (let i = 0; i < 4; i++) out[o + i] *= n;
}

/** Product of column-major 4x4 matrices, a b. */
export function multiply(a, b) {
  const out = new Float32Array(16);
  for (let c = 0; c < 4; c++) {
    for (let r = 0; r < 4; r++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += a[k * 4 + r] * b[c * 4 + k];
      out[c * 4 + r] = sum;
    }
  }
  return out;
}

export function perspective(fovY, aspect, near, far) {
  const f = 1 / Math.tan(fovY / 2);
  const depth = 1 / (near - far);
  return new Float32Array([
    f / aspect, 0, 0, 0,
    0, f, 0, 0,
    0, 0, (far + near) * depth, -1,
    0, 0, 2 * far * near * depth, 0,
  ]);
}

/** A box of half sizes (x, y) and depths near..far in front of the eye. */
export function orthographic(x, y, near, far) {
  const depth = 1 / (near - far);
  return new Float32Array([
    1 / x, 0, 0, 0,
    0, 1 / y, 0, 0,
    0, 0, 2 * depth, 0,
    0, 0, (far + near) * depth, 1,
  ]);
}

export function lookAt(eye, target, up) {
  const back = normalize(subtract(eye, target));
  const right = normalize(cross(up, back));
  const top = cross(back, right);
  return new Float32Array([
    right[0], top[0], back[0], 0,
    right[1], top[1], back[1], 0,
    right[2], top[2], back[2], 0,
    -dot(right, eye), -dot(top, eye), -dot(back, eye), 1,
  ]);
}

/** Point [x, y, z] through a 4x4 matrix -> clip [x, y, z, w]. */
export function project(m, p) {
  return [0, 1, 2, 3].map((r) => m[r] * p[0] + m[4 + r] * p[1] + m[8 + r] * p[2] + m[12 + r]);
}
