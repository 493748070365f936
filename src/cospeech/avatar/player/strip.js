// Fingers and mouse on the strip: click or drag seeks, wheel and pinch zoom, the pointer asks what is there.
import { clamp } from "./math.js";
import { clockText, PHASES } from "./timeline.js";

/** Seeks, view changes and hovers come out as the timeline's own events. */
export function bindStrip(timeline) {
  const pointers = new Map();
  const { canvas } = timeline;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: clamp(event.clientX - box.left, 0, box.width), y: event.clientY - box.top };
  };
  const seek = (x) => timeline.dispatchEvent(new CustomEvent("seek", { detail: clamp(timeline.toTime(x), 0, timeline.data.duration) }));
  const move = (x) => {
    const span = timeline.view.end - timeline.view.start;
    const middle = (x / timeline.width) * timeline.data.duration;
    timeline.setView(middle - span / 2, middle + span / 2);
    if (!timeline.zoomed) timeline.dispatchEvent(new CustomEvent("seek", { detail: middle }));
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const point = at(event);
    pointers.set(event.pointerId, point);
    timeline.held = pointers.size === 1 ? (point.y > timeline.overviewTop ? "overview" : "seek") : "pinch";
    if (timeline.held === "seek") seek(point.x);
    if (timeline.held === "overview") move(point.x);
  });
  canvas.addEventListener("pointermove", (event) => {
    const point = at(event);
    timeline.hover = event.pointerType === "mouse" ? point.x : null;
    timeline.dispatchEvent(new CustomEvent("hover", { detail: timeline.hover === null ? null : describe(timeline, point) }));
    if (!pointers.has(event.pointerId)) return;
    const before = pointers.get(event.pointerId);
    if (timeline.held === "pinch" && pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const [was, is] = [before, point].map((p) => Math.max(Math.abs(p.x - other.x), 8));
      const middle = timeline.toTime((before.x + other.x) / 2);
      timeline.zoom(was / is, middle);
      const shift = timeline.toTime((point.x + other.x) / 2) - middle;
      timeline.setView(timeline.view.start - shift, timeline.view.end - shift);
    } else if (timeline.held === "seek") seek(point.x);
    else if (timeline.held === "overview") move(point.x);
    pointers.set(event.pointerId, point);
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) timeline.held = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    timeline.hover = null;
    timeline.dispatchEvent(new CustomEvent("hover", { detail: null }));
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (sideways) {
      const span = timeline.view.end - timeline.view.start;
      const shift = ((event.deltaX || event.deltaY) / timeline.width) * span;
      timeline.setView(timeline.view.start + shift, timeline.view.end + shift);
    } else timeline.zoom(Math.exp(clamp(event.deltaY, -120, 120) * 0.003), timeline.toTime(at(event).x));
  }, { passive: false });
}

/** What the strip shows under the pointer, in words. */
function describe(timeline, { x, y }) {
  const sizes = timeline.sizes;
  const time = clamp(timeline.toTime(x), 0, timeline.data.duration);
  const parts = [clockText(time, 2)];
  const word = timeline.wordAt(time);
  if (word) parts.push(`“${word.text}”`);
  const source = timeline.sourceAt(time);
  if (source) parts.push(source.detail);
  const lane = timeline.lanes[Math.floor((y - timeline.tops.lanes) / (sizes.lane + 3))];
  const found = timeline.phasesAt(time).filter((phase) => (lane ? phase.side === lane : phase.kind !== "rest"));
  parts.push(...found.map(({ kind, side }) => `${PHASES[kind].label}${side === "left" || side === "right" ? `, ${side} hand` : ""}`));
  return { x, text: parts.join("  ·  ") };
}
