// The skeleton drawn in 2D: over the body on demand, or alone where there is no WebGL2.
import { project } from "./math.js";

const SIDES = { left: "#0f9f8c", right: "#e8732a", middle: "#39445a" };

export class Overlay {
  constructor(canvas, names, parents) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.parents = parents;
    this.colours = names.map((name) => SIDES[name.split("_")[0]] ?? SIDES.middle);
    this.small = names.map((name) => /index|middle|pinky|ring|thumb|eye|jaw/.test(name));
    this.head = names.indexOf("head");
    this.skip = new Set(names.flatMap((name, j) => (/eye|jaw/.test(name) ? [j] : [])));
  }

  /** One line, with a light edge so that it reads on dark cloth too. */
  _line(from, to, wide, colour, edge) {
    const { context: c } = this;
    c.beginPath();
    c.moveTo(from.x, from.y);
    c.lineTo(to.x, to.y);
    if (edge) {
      c.strokeStyle = "rgba(255,255,255,.9)";
      c.lineWidth = wide + edge;
      c.stroke();
    }
    c.strokeStyle = colour;
    c.lineWidth = wide;
    c.stroke();
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** @param positions [3J] metres; @param figure whether the bones stand for a whole body */
  draw(positions, { viewProjection }, figure = false) {
    const { context: c, canvas, parents } = this;
    const unit = Math.max(1, canvas.height / 700);
    this.clear();
    const points = parents.map((_, j) => {
      const [x, y, , w] = project(viewProjection, positions.subarray(3 * j, 3 * j + 3));
      return { x: (x / w * 0.5 + 0.5) * canvas.width, y: (0.5 - y / w * 0.5) * canvas.height, w };
    });
    const size = (metres, w) => (metres / w) * canvas.height * 2.35; // about a lens of 24 degrees
    c.lineCap = "round";
    parents.forEach((parent, j) => {
      if (parent < 0 || this.skip.has(j) || points[j].w <= 0) return;
      const wide = figure ? Math.max(1.5, size(this.small[j] ? 0.012 : 0.035, points[j].w)) : unit * (this.small[j] ? 1 : 2.2);
      this._line(points[parent], points[j], wide, this.colours[j], figure ? 0 : unit * 1.4);
    });
    if (figure && this.head >= 0) {
      const { x, y, w } = points[this.head];
      c.fillStyle = SIDES.middle;
      c.beginPath();
      c.ellipse(x, y - size(0.07, w), size(0.075, w), size(0.105, w), 0, 0, 2 * Math.PI);
      c.fill();
      return;
    }
    points.forEach(({ x, y, w }, j) => {
      if (this.skip.has(j) || w <= 0) return;
      c.fillStyle = this.colours[j];
      c.beginPath();
      c.arc(x, y, unit * (this.small[j] ? 1.6 : 3.4), 0, 2 * Math.PI);
      c.fill();
      if (this.small[j]) return;
      c.strokeStyle = "#fff";
      c.lineWidth = unit;
      c.stroke();
    });
  }
}

/** The plain studio behind the stick figure. */
export function paintStudio(context, width, height) {
  const glow = context.createRadialGradient(width / 2, height * 0.44, 0, width / 2, height * 0.44, Math.hypot(width, height) * 0.6);
  glow.addColorStop(0, "#d9dee3");
  glow.addColorStop(1, "#9eabba");
  context.fillStyle = glow;
  context.fillRect(0, 0, width, height);
}
