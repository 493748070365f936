// One time for everything. The sound leads: what is heard decides which pose is drawn.
import { clamp } from "./math.js";

const SNAP = 0.1; // seconds: a larger difference is a jump, not jitter
const LEAN = 0.2; // seconds in which most of a small difference is made up
const STALL = 300; // milliseconds without a new reading after which the sound counts as standing still

export class Clock extends EventTarget {
  /**
   * @param {HTMLAudioElement|null} audio its currentTime already allows for the output's latency
   * @param {number} audioSeconds the sound may be shorter than the whole
   */
  constructor(audio, audioSeconds, duration) {
    super();
    Object.assign(this, { audio, audioSeconds, duration, time: 0, playing: false, loop: false, rate: 1 });
    this._anchor = { time: 0, at: 0 };
    this._reading = { value: -1, at: 0 };
    if (!audio) return;
    audio.preservesPitch = true;
    audio.addEventListener("ended", () => this._freeRun());
    // Headphones pulled out, a call coming in: the system pauses the sound, the picture follows.
    audio.addEventListener("pause", () => this.playing && this._sounding && !audio.ended && this.pause());
  }

  /** Whether the sound is what drives the time now: it may be shorter than the motion. */
  get _sounding() {
    return Boolean(this.audio) && !this._free;
  }

  get audioTime() {
    return this.audio ? this.audio.currentTime : null;
  }

  /** Without sound from here on: it cannot be decoded, or is not there. */
  dropAudio() {
    this.audio = null;
    if (this.playing) this._freeRun();
  }

  /** Measure anew from here: the sound needs a moment until it moves. */
  _restart() {
    this._anchor = { time: this.time, at: performance.now() };
    this._reading = { value: null, at: performance.now() };
    this._moving = false;
  }

  _freeRun() {
    this._free = true;
    this._anchor = { time: this.time, at: performance.now() };
  }

  async play() {
    if (this.playing) return;
    if (this.time >= this.duration - 1e-3) this.seek(0);
    this.playing = true;
    this._restart();
    this._free = !this.audio || this.time >= this.audioSeconds;
    this.dispatchEvent(new Event("state"));
    if (this._free) return;
    try {
      this.audio.playbackRate = this.rate;
      await this.audio.play();
    } catch (error) {
      if (error.name === "AbortError") return; // paused again before it began
      if (error.name === "NotAllowedError") this.pause();
      else this.dropAudio();
    }
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    if (this.audio) {
      this.audio.pause();
      if (this.time < this.audioSeconds) this.audio.currentTime = this.time;
    }
    this.dispatchEvent(new Event("state"));
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  seek(seconds) {
    this.time = clamp(seconds, 0, this.duration);
    this._restart();
    if (this.audio) {
      const inside = this.time < this.audioSeconds;
      this.audio.currentTime = Math.min(this.time, this.audioSeconds);
      this._free = !inside;
      if (this.playing && inside && this.audio.paused) this.audio.play().catch(() => this.pause());
    }
    this.dispatchEvent(new Event("seek"));
  }

  setRate(rate) {
    this.rate = rate;
    this._anchor = { time: this.time, at: performance.now() };
    if (this.audio) this.audio.playbackRate = rate;
  }

  /** Advance to a moment of performance.now() and return the time in seconds. */
  tick(now) {
    if (!this.playing) return this.time;
    let time = this._anchor.time + ((now - this._anchor.at) / 1000) * this.rate;
    if (this._sounding) time = this._follow(time, now);
    // Never backwards while playing: a tremor of some milliseconds shows more than it helps.
    this.time = Math.max(this.time, time);
    if (this.time >= this.duration) {
      if (this.loop) this.seek(0);
      else {
        this.time = this.duration;
        this.pause();
      }
    }
    return this.time;
  }

  /** audio.currentTime moves in steps; run evenly and lean towards it (a phase-locked loop). */
  _follow(predicted, now) {
    const measured = this.audio.currentTime;
    const { value, at } = this._reading;
    if (this.audio.seeking || value === null || (!this._moving && measured === value)) {
      this._reading = { value: measured, at: now };
      this._anchor = { time: this.time, at: now };
      return this.time;
    }
    if (measured === value) return now - at > STALL ? measured : predicted;
    this._reading = { value: measured, at: now };
    const error = measured - predicted;
    const jump = !this._moving || Math.abs(error) > SNAP;
    this._moving = true;
    if (jump) {
      this._anchor = { time: measured, at: now };
      this.time = Math.min(this.time, measured); // the sound began late or was set back
      return measured;
    }
    this._anchor = { time: predicted + error * (1 - Math.exp((at - now) / 1000 / LEAN)), at: now };
    return this._anchor.time;
  }
}
