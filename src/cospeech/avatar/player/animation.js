// The motion: poses between frames, and where the joints are.
import { clamp, exponential, mix, slerp } from "./math.js";

export class Animation {
  /**
   * @param meta {body: {morphCounts}, fps, frames, parents, rest: [J][3] metres, steps: {rotation, translation}, faceShapes}
   * @param arrays rotations Int16 [3J][T] rotation vectors, translation Int32 [3][T], face Uint8 [K][T]
   */
  constructor(meta, arrays) {
    Object.assign(this, { fps: meta.fps, frames: meta.frames, parents: meta.parents, arrays });
    this.joints = meta.parents.length;
    this.steps = meta.steps;
    this.rest = meta.rest;
    this.seconds = this.frames / this.fps;
    const offsets = meta.parents.map((parent, j) => meta.rest[j].map((x, k) => (parent < 0 ? x : x - meta.rest[parent][k])));
    this.offsets = Float32Array.from(offsets.flat());
    this.quaternions = [0, 1, 2].map(() => new Float32Array(this.joints * 4)); // before, after, between
    this.matrices = new Float32Array(this.joints * 9); // world rotation, row by row
    this.positions = new Float32Array(this.joints * 3); // world, metres
    this.skinning = new Float32Array(this.joints * 12); // three rows of rest -> posed, per joint
    this.faceShapes = meta.faceShapes; // which of the face's shapes the file holds: those that ever move
    this.face = new Float32Array(meta.body.morphCounts.length);
    this.translation = [0, 0, 0];
  }

  _read(frame, out) {
    const { rotations } = this.arrays;
    const T = this.frames;
    const step = this.steps.rotation;
    for (let j = 0; j < this.joints; j++) {
      const at = 3 * j * T + frame;
      exponential(rotations[at] * step, rotations[at + T] * step, rotations[at + 2 * T] * step, out, 4 * j);
    }
  }

  /** Pose the body at a time in seconds: fills positions, matrices, skinning, face. */
  sample(seconds) {
    const T = this.frames;
    const position = clamp(seconds * this.fps, 0, T - 1);
    const low = Math.floor(position);
    const high = Math.min(low + 1, T - 1);
    const t = position - low;
    const [a, b, q] = this.quaternions;
    this._read(low, a);
    if (t > 0) {
      this._read(high, b);
      for (let j = 0; j < this.joints; j++) slerp(a, b, t, q, 4 * j);
    } else q.set(a);
    const { translation, face } = this.arrays;
    for (let k = 0; k < 3; k++) {
      this.translation[k] = mix(translation[k * T + low], translation[k * T + high], t) * this.steps.translation;
    }
    this.faceShapes.forEach((shape, k) => {
      this.face[shape] = mix(face[k * T + low], face[k * T + high], t) / 255;
    });
    this._forward(q);
    return position;
  }

  _forward(q) {
    const { matrices: M, positions: P, offsets: O, skinning: S } = this;
    const local = new Float32Array(9);
    for (let j = 0; j < this.joints; j++) {
      const w = q[4 * j], x = q[4 * j + 1], y = q[4 * j + 2], z = q[4 * j + 3];
      local[0] = 1 - 2 * (y * y + z * z); local[1] = 2 * (x * y - w * z); local[2] = 2 * (x * z + w * y);
      local[3] = 2 * (x * y + w * z); local[4] = 1 - 2 * (x * x + z * z); local[5] = 2 * (y * z - w * x);
      local[6] = 2 * (x * z - w * y); local[7] = 2 * (y * z + w * x); local[8] = 1 - 2 * (x * x + y * y);
      const m = 9 * j;
      const p = 3 * j;
      const parent = this.parents[j];
      if (parent < 0) {
        M.set(local, m);
        P.set(this.translation, p);
      } else {
        const u = 9 * parent;
        for (let r = 0; r < 3; r++) {
          const a = M[u + 3 * r], b = M[u + 3 * r + 1], c = M[u + 3 * r + 2];
          for (let k = 0; k < 3; k++) M[m + 3 * r + k] = a * local[k] + b * local[3 + k] + c * local[6 + k];
          P[p + r] = P[3 * parent + r] + a * O[p] + b * O[p + 1] + c * O[p + 2];
        }
      }
      // The rest pose is unrotated, so rest -> posed is x -> M (x - rest) + P.
      const [rx, ry, rz] = this.rest[j];
      for (let r = 0; r < 3; r++) {
        const a = M[m + 3 * r], b = M[m + 3 * r + 1], c = M[m + 3 * r + 2];
        S[12 * j + 4 * r] = a;
        S[12 * j + 4 * r + 1] = b;
        S[12 * j + 4 * r + 2] = c;
        S[12 * j + 4 * r + 3] = P[p + r] - (a * rx + b * ry + c * rz);
      }
    }
  }

  /** World position of a joint at the last sampled time, metres. */
  joint(index) {
    return [this.positions[3 * index], this.positions[3 * index + 1], this.positions[3 * index + 2]];
  }
}
