// Puts the parts together: data in, one loop that asks the clock for the time and draws that pose.
import { Animation } from "./animation.js";
import { Body } from "./body.js";
import { Camera, makeViews } from "./camera.js";
import { Clock } from "./clock.js";
import { fromBase64, unpackAll } from "./codec.js";
import { bindControls, bindPointer } from "./controls.js";
import { element, say, take } from "./dom.js";
import { clamp } from "./math.js";
import { Overlay, paintStudio } from "./overlay.js";
import { Renderer } from "./renderer.js";
import { Skinning } from "./skinning.js";
import { bindStrip } from "./strip.js";
import { makeStool } from "./stool.js";
import { clockText, lastBefore, PHASES, Timeline } from "./timeline.js";

const SLOW_MS = 40; // a frame that takes longer is too slow (a phone that saves power draws 30 a second)
const PATIENCE_MS = 3000;
const LEAST_SCALE = 0.5;

async function makeAudio(meta) {
  const base64 = take("audioData");
  if (!meta.audio) return null;
  const audio = new Audio();
  audio.preload = "auto";
  const url = URL.createObjectURL(new Blob([fromBase64(base64)], { type: meta.audio.type }));
  const loaded = (source) => new Promise((resolve) => {
    audio.onloadedmetadata = () => resolve(true);
    audio.onerror = () => resolve(false);
    setTimeout(() => resolve(true), PATIENCE_MS); // some phones load nothing before the first touch
    audio.src = source;
    audio.load();
  });
  // Some browsers give a page opened from disk no blobs as media: the data URL is the second try.
  if ((await loaded(url)) || (await loaded(`data:${meta.audio.type};base64,${base64}`))) return audio;
  audio.onerror = null;
  return null;
}

/** Textures of a character, decoded as they are: their alpha is a mask, no blending. */
function makePictures() {
  const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  return Promise.all(JSON.parse(take("pictureData")).map(({ type, data }) =>
    createImageBitmap(new Blob([fromBase64(data)], { type }), options)));
}

/** The line of words around a time: breaks at pauses and after about forty letters. */
function captionLines(words) {
  const lines = [];
  let line = null;
  for (const word of words) {
    const last = line?.words[line.words.length - 1];
    if (!line || word.start - last.end > 0.9 || line.letters + word.text.length > 42) {
      line = { start: word.start, words: [], letters: 0 };
      lines.push(line);
    }
    line.words.push(word);
    line.letters += word.text.length + 1;
  }
  return lines;
}

class Player {
  constructor(meta, animation, audio) {
    Object.assign(this, { meta, animation, fps: meta.fps, skeleton: false, captions: true, muted: false, volume: 1 });
    this.index = (name) => meta.joints.indexOf(name);
    const audioSeconds = meta.audio ? meta.audio.seconds : 0;
    this.duration = Math.max(animation.seconds, audioSeconds);
    this.clock = new Clock(audio, audioSeconds, this.duration);
    this.camera = new Camera();
    this.views = makeViews(animation, this.index, meta.crown ?? undefined);
    this.viewName = "front";
    this.overlay = new Overlay(element("bones"), meta.joints, meta.parents);
    this.timeline = new Timeline(element("strip"), { ...meta.timeline, peaks: meta.peaks, duration: this.duration });
    this.lines = captionLines(meta.timeline.words);
    this.drawn = { time: -1, audioTime: null };
    this.frameMs = 16;
    this.scale = 1;
    this.quality = 0;
    this.dirty = true;
    this._intervals = [];
    this.floor = this._floorHeight();
  }

  /** The floor is at 0 unless the motion goes through it, as captured feet do. */
  _floorHeight() {
    let low = 0;
    const feet = ["left_foot", "right_foot"].map(this.index);
    const sole = Math.min(...feet.map((j) => this.animation.rest[j][1])); // of the joint above the sole
    for (let i = 0; i < 60; i++) {
      this.animation.sample((i / 60) * this.animation.seconds);
      for (const j of feet) low = Math.min(low, this.animation.joint(j)[1] - sole);
    }
    return low;
  }

  changed = () => {
    this.dirty = true;
  };

  showView(name, options) {
    this.viewName = name;
    this.camera.show(this.views[name], options);
    this.changed();
  }

  reset = () => {
    this.showView(this.viewName);
  };

  setVolume(volume, muted) {
    this.muted = muted;
    if (!muted) this.volume = volume;
    if (this.clock.audio) Object.assign(this.clock.audio, { volume: this.volume, muted });
    element("volume").value = muted ? 0 : this.volume;
    document.body.classList.toggle("muted", muted);
  }

  /** The body in 3D, or a stick figure where the browser has no WebGL2. */
  startDrawing(shaders, bodyMeta, bodyArrays, pictures) {
    const canvas = element("scene");
    const sides = this.meta.helpers ? ["left", "right"] : [];
    const arms = sides.map((side) => ["shoulder", "elbow", "wrist"].map((n) => this.index(`${side}_${n}`)));
    this.skinning = new Skinning(this.animation, arms);
    const stool = this.meta.stool && makeStool(this.meta.stool);
    this.body = new Body({ ...bodyMeta, stillJoint: this.skinning.still }, bodyArrays, stool);
    const start = () => {
      this.renderer = new Renderer(canvas, shaders, this.body, this.skinning.rows.length / 12, pictures);
      if (this.renderer.software && !this.quality) Object.assign(this, { quality: 2, scale: 0.75 });
      this.renderer.setQuality(this.quality);
      this._faceUploaded = false;
      this.changed();
    };
    try {
      start();
      canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
      canvas.addEventListener("webglcontextrestored", start);
    } catch (error) {
      this.renderer = null;
      this.reason = String(error.message ?? error);
      say("This browser shows no 3D graphics (WebGL2), so you see the motion as a stick figure.");
    }
  }

  resize = () => {
    const stage = element("stage");
    const { clientWidth: width, clientHeight: height } = stage;
    this.timeline.compact = window.innerHeight < 480; // a phone held sideways
    element("strip").style.height = `${this.timeline.height}px`;
    const ratio = Math.min(window.devicePixelRatio || 1, 2) * this.scale;
    for (const [canvas, by] of [[element("scene"), ratio], [element("bones"), Math.min(window.devicePixelRatio || 1, 2)]]) {
      canvas.width = Math.max(1, Math.round(width * by));
      canvas.height = Math.max(1, Math.round(height * by));
    }
    this.camera.resize(width / Math.max(height, 1));
    this.timeline.resize();
    this.changed();
  };

  loop = (now) => {
    requestAnimationFrame(this.loop);
    const dt = Math.min((now - (this._last ?? now)) / 1000, 0.1);
    this._last = now;
    const time = this.clock.tick(performance.now());
    const { audioTime } = this.clock;
    if (this.clock.playing || time !== this.drawn.time) this.dirty = true;
    if (!this.dirty) return;
    this._measure(dt);
    this._draw(time, now, dt, audioTime);
  };

  _draw(time, now, dt, audioTime) {
    const frame = this.animation.sample(time);
    this.dirty = this.camera.update(now, dt);
    const matrices = this.camera.matrices();
    if (this.renderer) {
      const rows = this.skinning.update();
      const faceChanged = this.body.express(this.animation.face) || !this._faceUploaded;
      this._faceUploaded = true;
      const pelvis = this.animation.joint(this.index("pelvis"));
      this.renderer.draw(matrices, rows, faceChanged, { centre: pelvis, floor: this.floor, yaw: this.camera.yaw });
      if (this.skeleton) this.overlay.draw(this.animation.positions, matrices);
      else this.overlay.clear();
    } else this._drawFigure(matrices);
    this.timeline.follow(time);
    this.timeline.draw(time);
    this._showTime(time);
    this.drawn = { time, frame, audioTime, at: now };
  }

  _drawFigure(matrices) {
    const canvas = element("scene");
    // The canvas gives no 2D context if it once gave another one; the bones' canvas always does.
    const context = canvas.getContext("2d");
    if (context) paintStudio(context, canvas.width, canvas.height);
    this.overlay.draw(this.animation.positions, matrices, true);
  }

  /** Too slow for ten frames on end: fewer pixels, fewer shadow samples. */
  _measure(dt) {
    if (!this.clock.playing || !dt || !this.renderer || this.fixedQuality) return;
    this._intervals.push(dt * 1000);
    if (this._intervals.length < 12) return;
    const sorted = this._intervals.sort((a, b) => a - b);
    this.frameMs = sorted[sorted.length >> 1];
    this._intervals = [];
    if (this.frameMs < SLOW_MS) return;
    if (this.quality < 3) this.renderer.setQuality(++this.quality);
    if (this.scale > LEAST_SCALE) {
      this.scale = Math.max(LEAST_SCALE, this.scale * 0.8);
      this.resize();
    }
  }

  _showTime(time) {
    const text = clockText(time);
    if (text !== this._shown) {
      this._shown = text;
      element("now").textContent = text;
      const strip = element("strip");
      strip.setAttribute("aria-valuenow", time.toFixed(1));
      strip.setAttribute("aria-valuetext", `${clockText(time)} of ${clockText(this.duration)}`);
    }
    this._showCaption(time);
  }

  _showCaption(time) {
    const box = element("caption");
    const line = this.captions ? this.lines[lastBefore(this.lines, time + 0.15)] : null;
    const last = line?.words[line.words.length - 1];
    const shown = line && time < last.end + 1.2 ? line : null;
    if (shown !== this._line) {
      this._line = shown;
      box.replaceChildren(...(shown?.words ?? []).flatMap(({ text, gesture }) => {
        const span = document.createElement("span");
        span.textContent = text; // never as HTML: words come from a file
        if (gesture) {
          span.title = gesture;
          span.dataset.gesture = gesture; // marked: a gesture goes with this word
        }
        return [span, " "];
      }));
    }
    shown?.words.forEach((word, i) => {
      const state = time < word.start ? "" : time < word.end ? "now" : "said";
      if (box.children[i].className !== state) box.children[i].className = state;
    });
  }
}

function describe(meta, duration) {
  const facts = [clockText(duration, 0), `${Number(meta.fps.toFixed(2))} frames a second`, ...meta.facts];
  element("facts").textContent = facts.join("  ·  ");
  element("length").textContent = clockText(duration);
  element("strip").setAttribute("aria-valuemax", duration.toFixed(1));
  const kinds = new Set(meta.timeline.phases.map((phase) => phase.kind));
  element("legend").replaceChildren(...Object.entries(PHASES).filter(([kind]) => kinds.has(kind)).map(([, phase]) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = phase.colour;
    item.append(swatch, phase.label);
    return item;
  }));
}

function bindTimeline(player) {
  const { timeline, clock } = player;
  bindStrip(timeline);
  timeline.addEventListener("seek", ({ detail }) => clock.seek(detail));
  timeline.addEventListener("view", player.changed);
  timeline.addEventListener("hover", ({ detail }) => {
    const hint = element("hint");
    hint.hidden = !detail;
    player.changed();
    if (!detail) return;
    hint.textContent = detail.text;
    hint.style.left = `${clamp(detail.x + 14 - hint.offsetWidth / 2, 4, Math.max(4, window.innerWidth - hint.offsetWidth - 4))}px`;
  });
}

/** What tests and curious people may look at and drive from the console. */
function expose(player, actions) {
  const { clock, animation, camera } = player;
  window.cospeech = {
    ready: true,
    duration: player.duration,
    fps: player.fps,
    frames: animation.frames,
    get currentTime() { return clock.time; },
    get frame() { return player.drawn.frame; },
    get audioTime() { return clock.audioTime; },
    get playing() { return clock.playing; },
    get drawn() { return player.drawn; }, // time of the pose on the screen and of the sound as it was drawn
    get frameMs() { return player.frameMs; },
    get renderScale() { return player.scale; },
    get renderer() { return player.renderer ? "webgl2" : "figure"; },
    get reason() { return player.reason; },
    get face() { return Array.from(animation.face); },
    joint: (name) => animation.joint(player.index(name)),
    jointPositions: () => Object.fromEntries(player.meta.joints.map((name, j) => [name, animation.joint(j)])),
    play: () => clock.play(),
    pause: () => clock.pause(),
    seek: (seconds) => clock.seek(seconds),
    view: (name) => actions.view(name),
    camera,
    timeline: player.timeline,
    /** Fix how much a frame may cost: level 0 (best) to 3, share of the screen's pixels a side. */
    setQuality(level, scale) {
      Object.assign(player, { quality: level, scale, fixedQuality: true });
      player.renderer?.setQuality(level);
      player.resize();
    },
    /** Pose and draw a moment now, without waiting for the screen. */
    drawAt(seconds) {
      clock.seek(seconds);
      player._draw(clock.time, performance.now(), 10, clock.audioTime);
      return player.drawn;
    },
  };
}

async function open(shaders) {
  const meta = JSON.parse(element("meta").textContent);
  const [motion, bodyArrays, audio, pictures] = await Promise.all([
    unpackAll(take("motionData"), meta.motion.data),
    unpackAll(take("bodyData"), meta.body.data),
    makeAudio(meta),
    makePictures(),
  ]);
  meta.peaks = motion.peaks ?? new Uint8Array(0);
  const animation = new Animation({ ...meta, ...meta.motion }, motion);
  const player = new Player(meta, animation, audio);
  document.body.classList.toggle("silent", !audio);
  document.body.classList.toggle("wordless", !meta.timeline.words.length);
  describe(meta, player.duration);
  say(meta.audio && !audio ? "This browser cannot play the sound of this page; the motion plays silently." : "");
  player.startDrawing(shaders, meta.body, bodyArrays, pictures);
  player.resize();
  player.showView("front", { glide: false });
  bindPointer(element("scene"), player.camera, player);
  bindTimeline(player);
  const actions = bindControls(player);
  player.clock.addEventListener("state", () => {
    const { playing } = player.clock;
    document.body.classList.toggle("playing", playing);
    element("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    if (playing) {
      element("bigPlay").hidden = true;
      setTimeout(() => say(""), 4000); // what had to be said has been read
    }
    player.changed();
  });
  player.clock.addEventListener("seek", player.changed);
  new ResizeObserver(player.resize).observe(element("stage"));
  element("bigPlay").hidden = false;
  requestAnimationFrame(player.loop);
  expose(player, actions);
}

/** @param shaders file name -> GLSL */
export function start(shaders) {
  open(shaders).catch((error) => {
    say("This page could not be opened by this browser; try a current Firefox, Chrome, Edge or Safari.");
    window.cospeech = { ready: false, error: String(error.stack ?? error) };
  });
}
