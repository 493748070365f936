// An orbit camera with named views of the speaker that fit any window.
import { add, clamp, cross, lookAt, mix, mix3, multiply, normalize, perspective, scale, smoothstep, subtract } from "./math.js";

const FOV = (24 * Math.PI) / 180; // a portrait lens: near enough to parallel that faces keep their shape
const PITCH = [-0.15, 1.35];
const MOVE_MS = 450;

export class Camera {
  constructor() {
    Object.assign(this, { yaw: 0, pitch: 0.05, distance: 4, target: [0, 1, 0], aspect: 1, follow: null });
    this._move = null;
  }

  /** A view {yaw, pitch, box: {centre, width, height}, follow?: () => [x, y, z]}; glides unless told not. */
  show(view, { glide = true } = {}) {
    this.view = view;
    this.follow = view.follow ?? null;
    const target = this.follow ? this.follow() : view.box.centre;
    const end = { yaw: view.yaw, pitch: view.pitch, distance: this._fit(view.box), target };
    // Turn the short way round.
    this.yaw = end.yaw + Math.atan2(Math.sin(this.yaw - end.yaw), Math.cos(this.yaw - end.yaw));
    if (glide) this._move = { from: this._state(), end, start: performance.now() };
    else Object.assign(this, end, { _move: null });
  }

  _state() {
    return { yaw: this.yaw, pitch: this.pitch, distance: this.distance, target: [...this.target] };
  }

  /** The distance from which a box of the given width and height (metres) fills the window. */
  _fit({ width, height }) {
    const high = height / 2 / Math.tan(FOV / 2);
    // In an upright window a hand may leave the picture now and then: else the speaker would be tiny.
    const spread = this.aspect < 0.8 ? 0.78 : 1;
    const wide = (spread * width) / 2 / (Math.tan(FOV / 2) * this.aspect);
    return Math.max(high, wide);
  }

  resize(aspect) {
    const before = this.view && this._fit(this.view.box);
    this.aspect = aspect;
    if (this.view && before) this.distance *= this._fit(this.view.box) / before; // keep the user's own zoom
    if (this._move) this._move.end.distance = this._fit(this.view.box);
  }

  orbit(dx, dy) {
    this._move = null;
    this.yaw -= dx;
    this.pitch = clamp(this.pitch + dy, ...PITCH);
  }

  zoom(factor) {
    this._move = null;
    this.distance = clamp(this.distance * factor, 0.35, 14);
  }

  /** Move sideways and up by fractions of the window's height. */
  pan(dx, dy) {
    this._move = null;
    this.follow = null;
    const size = 2 * this.distance * Math.tan(FOV / 2);
    const { right, up } = this._axes();
    this.target = add(this.target, add(scale(right, -dx * size), scale(up, dy * size)));
    this.target[1] = clamp(this.target[1], 0, 2.5);
  }

  _axes() {
    const back = this._back();
    const right = normalize(cross([0, 1, 0], back));
    return { back, right, up: cross(back, right) };
  }

  _back() {
    const c = Math.cos(this.pitch);
    return [Math.sin(this.yaw) * c, Math.sin(this.pitch), Math.cos(this.yaw) * c];
  }

  /** Advance glides and following by dt seconds; true while anything still moves. */
  update(now, dt) {
    if (this._move) {
      const { from, end, start } = this._move;
      const t = smoothstep((now - start) / MOVE_MS);
      const goal = this.follow ? this.follow() : end.target;
      for (const key of ["yaw", "pitch", "distance"]) this[key] = mix(from[key], end[key], t);
      this.target = mix3(from.target, goal, t);
      if (t >= 1) this._move = null;
      return true;
    }
    if (!this.follow) return false;
    const gap = subtract(this.follow(), this.target);
    const far = Math.hypot(...gap);
    // A camera operator's hand: follow with a lag, but be there at once after a jump in time.
    this.target = add(this.target, scale(gap, far > 0.6 ? 1 : 1 - Math.exp(-dt / 0.35)));
    return far > 0.002;
  }

  get eye() {
    const eye = add(this.target, scale(this._back(), this.distance));
    eye[1] = Math.max(eye[1], 0.04); // never below the floor
    return eye;
  }

  matrices() {
    const eye = this.eye;
    const near = Math.max(0.05, this.distance - 3);
    const projection = perspective(FOV, this.aspect, near, this.distance + 12);
    return { eye, viewProjection: multiply(projection, lookAt(eye, this.target, [0, 1, 0])) };
  }
}

const SAMPLES = 240; // moments of the motion that the views are framed by
const WALK = 0.5; // metres: a speaker who goes further than this is followed, not framed

/**
 * The named views of one motion: framed by where head and hands go in it.
 * @param animation posed at will here; @param index joint name -> index
 * @param crown metres from the head's joint to the top of the head; by default as of our person
 */
export function makeViews(animation, index, crown) {
  const [head, chest, pelvis] = ["head", "spine2", "pelvis"].map(index);
  const wrists = ["left_wrist", "right_wrist"].map(index);
  const tips = ["left_middle3", "right_middle3"].map(index);
  const own = animation.rest[head][1] * 0.125; // from the head's joint, at the neck's top, to the crown
  const skull = crown ?? own;
  const wide = clamp(skull / own, 1, 3); // a large head needs a larger picture
  const local = (joint, up, forth) => {
    const at = 9 * joint;
    return animation.joint(joint).map((x, r) => x + up * animation.matrices[at + 3 * r + 1] + forth * animation.matrices[at + 3 * r + 2]);
  };
  const middleOf = (points) => [0, 1, 2].map((k) => (Math.min(...points.map((p) => p[k])) + Math.max(...points.map((p) => p[k]))) / 2);

  const crowns = [], hips = [], hands = [], ankles = [];
  const facing = [0, 0];
  const count = Math.min(animation.frames, SAMPLES);
  for (let i = 0; i < count; i++) {
    animation.sample(((i + 0.5) * animation.seconds) / count);
    crowns.push(local(head, skull, 0));
    hips.push(animation.joint(pelvis));
    for (const joint of [...wrists, ...tips]) hands.push(animation.joint(joint));
    for (const joint of ["left_foot", "right_foot"].map(index)) ankles.push(animation.joint(joint));
    facing[0] += animation.matrices[9 * chest + 2]; // where the chest's +z points
    facing[1] += animation.matrices[9 * chest + 8];
  }
  animation.sample(0);
  const yaw = Math.hypot(...facing) > 0.2 * count ? Math.atan2(facing[0], facing[1]) : 0;
  const hip = middleOf(hips);
  const walks = Math.max(...hips.map((p) => Math.hypot(p[0] - hip[0], p[2] - hip[2]))) > WALK;
  const top = Math.max(...crowns.map((p) => p[1]));
  const floor = Math.min(0, ...ankles.map((p) => p[1]));

  /** What a camera at this angle has to show between two heights. */
  const view = (angle, pitch, bottom, upper) => {
    const right = [Math.cos(angle), 0, -Math.sin(angle)];
    const across = (p) => (p[0] - hip[0]) * right[0] + (p[2] - hip[2]) * right[2];
    const shown = walks ? [] : [...crowns, ...hands];
    // A camera stands with the body in the middle, a little towards the side on which more happens.
    const low = Math.min(-0.3, ...shown.map(across)) - 0.1;
    const high = Math.max(0.3, ...shown.map(across)) + 0.1;
    const shift = 0.5 * (low + high) * 0.6;
    const width = walks ? 1.9 : 2 * Math.max(high - shift, shift - low);
    const height = (bottom + upper) / 2;
    return {
      yaw: angle,
      pitch,
      box: { centre: [hip[0] + right[0] * shift, height, hip[2] + right[2] * shift], width: clamp(width, 0.8, 2.6), height: upper - bottom },
      follow: walks ? () => [animation.joint(pelvis)[0], height, animation.joint(pelvis)[2]] : null,
    };
  };
  const bust = [Math.max(hip[1] - 0.3, floor - 0.05), top + 0.09];
  const whole = [floor - 0.2, top + 0.12];
  const headAt = () => local(head, 0.26 * skull, 0.3 * skull);
  const handsAt = () => mix3(animation.joint(wrists[0]), animation.joint(wrists[1]), 0.5);
  return {
    front: view(yaw, 0.03, ...bust),
    quarter: view(yaw + 0.66, 0.06, ...bust),
    side: view(yaw + Math.PI / 2, 0.03, ...bust),
    face: { yaw: yaw + 0.12, pitch: 0.02, box: { centre: headAt(), width: 0.36 * wide, height: 0.46 * wide }, follow: headAt },
    hands: { yaw: yaw + 0.1, pitch: 0.16, box: { centre: handsAt(), width: 0.86, height: 0.7 }, follow: handsAt },
    full: view(yaw, 0.05, ...whole),
  };
}
