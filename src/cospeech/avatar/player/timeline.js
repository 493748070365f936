// The strip below: waveform, words, gesture phases, playhead. Click or drag seeks; wheel and pinch zoom.
import { clamp } from "./math.js";

export const PHASES = {
  preparation: { colour: "#5b8def", label: "Preparation" },
  stroke: { colour: "#ff7a59", label: "Stroke" },
  hold: { colour: "#e6c14c", label: "Hold" },
  retraction: { colour: "#4db6a4", label: "Retraction" },
  rest: { colour: "#39404d", label: "Rest" },
};
const INK = { wave: "#8ea3c4", played: "#c9d8f2", word: "#dfe5ef", faint: "#7c8798", line: "#2a303b", head: "#ff5d73" };
// Pixels a row, and in a window as low as a phone held sideways.
const ROOMY = { ruler: 16, wave: 40, words: 22, lane: 13, gap: 5, overview: 14 };
const COMPACT = { ruler: 14, wave: 18, words: 16, lane: 7, gap: 2, overview: 6 };
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const WORD_ZOOM = 110; // pixels a second at which most words can be read
const LEAST = 0.8; // seconds that the strip shows at the closest

export const clockText = (seconds, digits = 1) => {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${minutes}:${rest}`;
};

/** Index of the last item that starts at or before a time, -1 if there is none. */
export function lastBefore(items, time) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class Timeline extends EventTarget {
  /** @param data {duration, words, sources, phases, peaks: Uint8Array, peaksPerSecond}; sources: where gestures are from */
  constructor(canvas, data) {
    super();
    Object.assign(this, { canvas, data, time: 0, hover: null, tops: {}, overviewTop: Infinity });
    this.context = canvas.getContext("2d");
    this.view = { start: 0, end: data.duration };
    this.fresh = true; // until the user zooms, the strip opens wide enough to read the words
    this.still = document.createElement("canvas"); // everything but the playhead
    this.stale = true;
    this.lanes = [...new Set(data.phases.map((phase) => phase.side))].sort();
    // A lane's phases may overlap, so the longest decides how far back a drawing has to look.
    this.longest = Math.max(0, ...data.phases.map((phase) => phase.end - phase.start));
    this._makeLevels();
  }

  get zoomed() {
    return this.view.end - this.view.start < this.data.duration * 0.999;
  }

  get sizes() {
    return this.compact ? COMPACT : ROOMY;
  }

  /** Height in CSS pixels that the rows need. */
  get height() {
    const sizes = this.sizes;
    const { words, peaks, sources, duration } = this.data;
    let height = sizes.ruler + sizes.gap;
    if (peaks.length) height += sizes.wave + sizes.gap;
    if (words.length) height += sizes.words + sizes.gap;
    if (sources.length) height += sizes.words + sizes.gap;
    if (this.lanes.length) height += this.lanes.length * (sizes.lane + 3) + sizes.gap;
    if (duration > LEAST) height += sizes.overview + 2;
    return height + 4;
  }

  /** Coarser copies of the waveform, so that ten minutes draw as fast as ten seconds. */
  _makeLevels() {
    this.levels = [this.data.peaks];
    while (this.levels[this.levels.length - 1].length > 2000) {
      const fine = this.levels[this.levels.length - 1];
      const coarse = new Uint8Array(Math.ceil(fine.length / 2));
      for (let i = 0; i < coarse.length; i++) coarse[i] = Math.max(fine[2 * i], fine[2 * i + 1] ?? 0);
      this.levels.push(coarse);
    }
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    this.ratio = Math.min(window.devicePixelRatio || 1, 3);
    this.width = box.width;
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.max(1, Math.round(box.width * this.ratio));
      canvas.height = Math.max(1, Math.round(box.height * this.ratio));
    }
    this.stale = true;
    if (this.fresh && this.width && this.data.words.length) {
      this.view.end = this.view.start + Math.min(this.data.duration, Math.max(4, this.width / WORD_ZOOM));
    }
  }

  toX(time) {
    return ((time - this.view.start) / (this.view.end - this.view.start)) * this.width;
  }

  toTime(x) {
    return this.view.start + (x / this.width) * (this.view.end - this.view.start);
  }

  setView(start, end) {
    const { duration } = this.data;
    const span = clamp(end - start, Math.min(LEAST, duration), duration);
    const from = clamp(start, 0, duration - span);
    this.view = { start: from, end: from + span };
    this.stale = true;
    this.dispatchEvent(new Event("view"));
  }

  zoom(factor, time = this.time) {
    this.fresh = false;
    const { start, end } = this.view;
    const anchor = clamp(time, start, end);
    const share = (anchor - start) / (end - start);
    const span = (end - start) * factor;
    this.setView(anchor - share * span, anchor + (1 - share) * span);
  }

  fit() {
    this.fresh = false;
    this.setView(0, this.data.duration);
  }

  /** Turn the page when the playhead walks out of it. */
  follow(time) {
    const { start, end } = this.view;
    const span = end - start;
    if (this.zoomed && !this.held && (time > end - 0.08 * span || time < start)) {
      this.setView(time - 0.1 * span, time + 0.9 * span);
    }
  }

  // ---------------------------------------------------------------- drawing

  draw(time) {
    const sizes = this.sizes;
    this.time = time;
    if (this.stale) this._drawStill();
    const { context: c, canvas, still, ratio } = this;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    c.drawImage(still, 0, 0);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._drawNow(c, time);
    const bottom = this.overviewTop;
    if (this.hover !== null) {
      c.fillStyle = "rgba(255,255,255,.25)";
      c.fillRect(this.hover, 0, 1, bottom);
    }
    const x = this.toX(time);
    if (x >= -2 && x <= this.width + 2) {
      c.fillStyle = INK.head;
      c.fillRect(x - 0.75, 4, 1.5, bottom - 6);
      c.beginPath();
      c.moveTo(x - 5, 0);
      c.lineTo(x + 5, 0);
      c.lineTo(x, 8);
      c.fill();
    }
    c.fillStyle = INK.head;
    c.fillRect((time / this.data.duration) * this.width - 0.75, bottom + 1, 1.5, sizes.overview);
  }

  _drawStill() {
    const sizes = this.sizes;
    this.stale = false;
    const c = this.still.getContext("2d");
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, 1000);
    this._drawRuler(c);
    let y = sizes.ruler + sizes.gap;
    this.tops = {};
    if (this.data.peaks.length) {
      this.tops.wave = y;
      this._drawWave(c, y, sizes.wave, this.view, INK.wave);
      y += sizes.wave + sizes.gap;
    }
    if (this.data.words.length) {
      this.tops.words = y;
      this._drawWords(c, y, this.data.words, "rgba(140,165,205,.16)");
      y += sizes.words + sizes.gap;
    }
    if (this.data.sources.length) {
      this.tops.sources = y;
      this._drawWords(c, y, this.data.sources, "rgba(120,190,150,.22)");
      y += sizes.words + sizes.gap;
    }
    this.tops.lanes = y;
    this.lanes.forEach((side, i) => this._drawLane(c, side, y + i * (sizes.lane + 3)));
    if (this.lanes.length) y += this.lanes.length * (sizes.lane + 3) + sizes.gap;
    this.overviewTop = y;
    this._drawOverview(c, y + 1);
  }

  _drawRuler(c) {
    const sizes = this.sizes;
    const { start, end } = this.view;
    const step = TICKS.find((tick) => (tick / (end - start)) * this.width > 62) ?? 1200;
    c.font = `10px ${FONT}`;
    c.textBaseline = "top";
    for (let i = Math.ceil(start / step); i * step <= end; i++) {
      const x = this.toX(i * step);
      c.fillStyle = INK.line;
      c.fillRect(x, 0, 1, this.height - sizes.overview - 6);
      c.fillStyle = INK.faint;
      c.fillText(clockText(i * step, step < 1 ? 1 : 0), x + 4, 2);
    }
  }

  _drawWave(c, top, height, { start, end }, colour) {
    const { peaksPerSecond, peaks } = this.data;
    if (!peaks.length) return;
    const perPixel = ((end - start) * peaksPerSecond) / this.width;
    const level = clamp(Math.floor(Math.log2(Math.max(perPixel, 1))), 0, this.levels.length - 1);
    const values = this.levels[level];
    const rate = peaksPerSecond / 2 ** level;
    const middle = top + height / 2;
    const wide = Math.max(1, this.width / ((end - start) * rate));
    c.fillStyle = colour;
    for (let i = Math.max(0, Math.floor(start * rate)); i < values.length && i < end * rate; i++) {
      const tall = Math.max(1, (values[i] / 255) * height);
      c.fillRect(((i / rate - start) / (end - start)) * this.width, middle - tall / 2, wide > 3 ? wide - 1 : wide, tall);
    }
  }

  _drawWords(c, top, words, colour) {
    const sizes = this.sizes;
    const { start, end } = this.view;
    c.font = `${this.compact ? 10 : 12}px ${FONT}`;
    c.textBaseline = "middle";
    for (let i = Math.max(0, lastBefore(words, start)); i < words.length && words[i].start < end; i++) {
      const { text, start: from, end: to } = words[i];
      const x = this.toX(from);
      const room = this.toX(to) - x;
      if (room < 1.5 && i % 2) continue;
      c.fillStyle = colour;
      c.fillRect(x, top, Math.max(room - 1, 1), sizes.words);
      if (room < 14) continue;
      c.fillStyle = INK.word;
      this._label(c, text, x, top + sizes.words / 2, room - 5);
    }
  }

  /** Text cut to the room it has. */
  _label(c, text, x, y, room) {
    const full = c.measureText(text).width;
    if (full > room) {
      if (room < 16) return;
      while (text.length > 1 && c.measureText(`${text}…`).width > room) text = text.slice(0, -1);
      text = `${text}…`;
      if (text.length < 3) return;
    }
    c.fillText(text, x + Math.max(2, (room + 4 - Math.min(full, room)) / 2), y);
  }

  _drawLane(c, side, top) {
    const sizes = this.sizes;
    const { phases } = this.data;
    const { start, end } = this.view;
    for (let i = Math.max(0, lastBefore(phases, start - this.longest)); i < phases.length && phases[i].start < end; i++) {
      const phase = phases[i];
      if (phase.side !== side || phase.end < start) continue;
      const x = this.toX(phase.start);
      const wide = Math.max(1, this.toX(phase.end) - x - 0.75);
      const rest = phase.kind === "rest";
      // A strong stroke stands taller and brighter than a faint one.
      const force = phase.kind === "stroke" ? clamp(phase.strength, 0, 1) : 0.6;
      const tall = rest ? 3 : sizes.lane * (phase.kind === "stroke" ? 0.6 + 0.4 * force : 0.6);
      c.globalAlpha = rest ? 0.8 : 0.65 + 0.35 * force;
      c.fillStyle = PHASES[phase.kind].colour;
      const y = top + (sizes.lane - tall) / 2;
      if (wide < 5 || !c.roundRect) {
        c.fillRect(x, y, wide, tall); // thousands of them when ten minutes are in view
        continue;
      }
      c.beginPath();
      c.roundRect(x, y, wide, tall, 2.5);
      c.fill();
    }
    c.globalAlpha = 1;
    c.font = `600 9px ${FONT}`;
    c.textBaseline = "middle";
    c.fillStyle = "#12151b";
    const text = side === "left" ? "L" : side === "right" ? "R" : "";
    if (!text || this.compact) return;
    c.fillRect(0, top, 13, sizes.lane);
    c.fillStyle = INK.faint;
    c.fillText(text, 3.5, top + sizes.lane / 2 + 0.5);
  }

  _drawOverview(c, top) {
    const sizes = this.sizes;
    const { duration } = this.data;
    c.fillStyle = "#12151b";
    c.fillRect(0, top, this.width, sizes.overview);
    this._drawWave(c, top + 1, sizes.overview - 2, { start: 0, end: duration }, "#465064");
    if (!this.data.peaks.length) {
      c.fillStyle = "#8a5245";
      for (const { start, end, kind } of this.data.phases) {
        if (kind === "stroke") c.fillRect((start / duration) * this.width, top + sizes.overview / 2 - 2, Math.max(1, ((end - start) / duration) * this.width - 0.5), 4);
      }
    }
    const x = (this.view.start / duration) * this.width;
    const wide = ((this.view.end - this.view.start) / duration) * this.width;
    c.fillStyle = this.zoomed ? "rgba(150,180,230,.2)" : "rgba(150,180,230,.06)";
    c.fillRect(x, top, wide, sizes.overview);
    c.strokeStyle = this.zoomed ? "rgba(170,195,235,.75)" : "rgba(170,195,235,.2)";
    c.strokeRect(x + 0.5, top + 0.5, Math.max(wide - 1, 2), sizes.overview - 1);
  }

  /** What is spoken and gestured at this moment, lit up. */
  _drawNow(c, time) {
    const sizes = this.sizes;
    const word = this.wordAt(time);
    if (word && this.tops.words) {
      const x = this.toX(word.start);
      const wide = Math.max(2, this.toX(word.end) - x - 1);
      c.fillStyle = "rgba(201,216,242,.30)";
      c.fillRect(x, this.tops.words, wide, sizes.words);
    }
    if (this.tops.wave && this.zoomed === false && this.data.peaks.length) {
      c.fillStyle = "rgba(201,216,242,.08)";
      c.fillRect(0, this.tops.wave, this.toX(time), sizes.wave);
    }
  }

  sourceAt(time) {
    const source = this.data.sources[lastBefore(this.data.sources, time)];
    return source && time < source.end ? source : null;
  }

  wordAt(time) {
    const word = this.data.words[lastBefore(this.data.words, time)];
    return word && time < word.end ? word : null;
  }

  phasesAt(time) {
    return this.data.phases.filter((phase) => phase.start <= time && time < phase.end);
  }
}
