// Twist helpers of the arms, as avatar/skinning.py has them: eight more transforms that spread the roll
// of a wrist along the forearm and that of a shoulder along the upper arm, so that no sleeve is wrung.

const ROW = 12; // floats of one transform: three rows of four

/** Share of a quaternion q[o..] that turns about x, as a 3x3 matrix row by row. */
function twistAboutX(q, o, share) {
  let angle = 2 * Math.atan2(q[o + 1], q[o]);
  angle = share * Math.atan2(Math.sin(angle), Math.cos(angle));
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  return [1, 0, 0, 0, c, -s, 0, s, c];
}

function multiply3(a, at, b) {
  const out = new Array(9);
  for (let r = 0; r < 3; r++) {
    for (let k = 0; k < 3; k++) {
      out[3 * r + k] = a[at + 3 * r] * b[k] + a[at + 3 * r + 1] * b[3 + k] + a[at + 3 * r + 2] * b[6 + k];
    }
  }
  return out;
}

const transposed = (m) => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];

export class Skinning {
  /** @param arms [[shoulder, elbow, wrist], ...] joint indices, left then right */
  constructor(animation, arms) {
    this.animation = animation;
    this.arms = arms;
    const slots = animation.joints + 4 * arms.length + 1;
    this.rows = new Float32Array(slots * ROW);
    this.still = slots - 1; // what stands in the room has the last slot, and does not move
    for (let r = 0; r < 3; r++) this.rows[this.still * ROW + 5 * r] = 1;
  }

  /** Transforms of joints and helpers at the animation's last sampled time. */
  update() {
    const { animation, rows } = this;
    rows.set(animation.skinning);
    const { matrices } = animation;
    const q = animation.quaternions[2];
    let helper = animation.joints;
    for (const [shoulder, elbow, wrist] of this.arms) {
      const swing = multiply3(matrices, 9 * shoulder, transposed(twistAboutX(q, 4 * shoulder, 1)));
      this._place(helper++, swing, shoulder);
      this._place(helper++, multiply3(swing, 0, twistAboutX(q, 4 * shoulder, 0.5)), shoulder);
      this._place(helper++, multiply3(matrices, 9 * elbow, twistAboutX(q, 4 * wrist, 0.5)), elbow);
      this._place(helper++, multiply3(matrices, 9 * elbow, twistAboutX(q, 4 * wrist, 1)), elbow);
    }
    return rows;
  }

  _place(slot, turn, joint) {
    const { rest, positions } = this.animation;
    const [x, y, z] = rest[joint];
    for (let r = 0; r < 3; r++) {
      const row = turn.slice(3 * r, 3 * r + 3);
      this.rows.set(row, slot * ROW + 4 * r);
      this.rows[slot * ROW + 4 * r + 3] = positions[3 * joint + r] - (row[0] * x + row[1] * y + row[2] * z);
    }
  }
}
