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
    const wide = width / 2 / (Math.tan(FOV / 2) * this.aspect);
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

/**
 * The named views of one motion: framed by where head and hands go in it.
 * @param animation posed at will here; @param index joint name -> index
 */
export function makeViews(animation, index) {
  const head = index("head");
  const wrists = [index("left_wrist"), index("right_wrist")];
  const pelvis = index("pelvis");
  const high = animation.rest[head][1];
  const samples = Math.min(animation.frames, 240);
  const low = [Infinity, Infinity, Infinity];
  const top = [-Infinity, -Infinity, -Infinity];
  const facing = [0, 0];
  let floor = Infinity;
  for (let i = 0; i < samples; i++) {
    animation.sample(((i + 0.5) * animation.seconds) / samples);
    for (const j of [head, pelvis, ...wrists]) {
      animation.joint(j).forEach((x, k) => {
        low[k] = Math.min(low[k], x);
        top[k] = Math.max(top[k], x);
      });
    }
    for (let j = 0; j < animation.joints; j++) floor = Math.min(floor, animation.positions[3 * j + 1]);
    facing[0] += animation.matrices[9 * pelvis + 2]; // where the pelvis' +z points
    facing[1] += animation.matrices[9 * pelvis + 8];
  }
  const yaw = Math.hypot(...facing) > 0.2 * samples ? Math.atan2(facing[0], facing[1]) : 0;
  animation.sample(0);
  const hip = animation.joint(pelvis);
  const skull = high * 0.125; // from the head's joint, at the neck's top, to the crown
  const headTop = Math.max(animation.joint(head)[1], top[1] - 0.05) + skull;
  const reach = clamp(Math.max(top[0] - hip[0], hip[0] - low[0]) + 0.16, 0.38, 0.95);
  const box = (bottom, upper, width) => ({
    centre: [hip[0], (bottom + upper) / 2, hip[2]],
    width,
    height: upper - bottom,
  });
  const middle = box(Math.max(hip[1] - 0.3, floor - 0.05), headTop + 0.12, 2 * reach);
  const whole = box(Math.min(floor, 0) - 0.12, headTop + 0.14, 2 * reach);
  // The middle of the face in the head's own frame: above and before the joint at the neck's top.
  const headAt = () => {
    const at = 9 * head;
    return animation.joint(head).map((x, r) => x + skull * (0.34 * animation.matrices[at + 3 * r + 1] + 0.3 * animation.matrices[at + 3 * r + 2]));
  };
  const handsAt = () => mix3(animation.joint(wrists[0]), animation.joint(wrists[1]), 0.5);
  return {
    front: { yaw, pitch: 0.03, box: middle },
    quarter: { yaw: yaw + 0.66, pitch: 0.06, box: middle },
    side: { yaw: yaw + Math.PI / 2, pitch: 0.03, box: middle },
    face: { yaw: yaw + 0.12, pitch: 0.02, box: { centre: headAt(), width: 0.34, height: 0.44 }, follow: headAt },
    hands: { yaw: yaw + 0.1, pitch: 0.16, box: { centre: handsAt(), width: 0.86, height: 0.7 }, follow: handsAt },
    full: { yaw, pitch: 0.05, box: whole },
  };
}
