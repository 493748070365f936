// The mesh in rest pose and its face: applies the ARKit shapes to the vertices that they move.

export class Body {
  /**
   * @param meta {vertices, faceVertices, middle: [3], positionStep, morphStep, morphCounts: [52]}
   * @param arrays channel after channel: position, normal, colour, surface (occlusion,
   *   shine, skin), joints, weights, triangles,
   *   morphIndex, morphDelta. Vertices that a face shape moves come first: [0, faceVertices).
   * @param still a mesh of things that stand in the room, in the last transform's place
   */
  constructor(meta, arrays, still = null) {
    const V = meta.vertices;
    const F = arrays.triangles.length / 3;
    this.vertices = V;
    this.faceVertices = meta.faceVertices;
    this.influences = arrays.joints.length / V;
    this.triangles = new Uint32Array(3 * F);
    interleave(arrays.triangles, F, 3, this.triangles);
    this.rest = interleave(arrays.position, V, 3, new Float32Array(3 * V), meta.positionStep);
    for (let i = 0; i < 3 * V; i++) this.rest[i] += meta.middle[i % 3];
    this.restNormals = interleave(arrays.normal, V, 3, new Float32Array(3 * V), 1 / 127);
    this.colours = interleave(arrays.colour, V, 3, new Uint8Array(3 * V));
    this.surface = interleave(arrays.surface, V, 3, new Uint8Array(3 * V));
    this.joints = interleave(arrays.joints, V, this.influences, new Uint8Array(V * this.influences));
    this.weights = interleave(arrays.weights, V, this.influences, new Uint8Array(V * this.influences));
    if (arrays.uv) { // a character with textures: where in which picture, -1 for none, and the alpha that is cut, 0 to 255
      this.uv = interleave(arrays.uv, V, 2, new Float32Array(2 * V), meta.uvStep);
      this.picture = interleave(arrays.picture, V, 2, new Float32Array(2 * V));
    }
    const N = arrays.morphIndex.length;
    const deltas = interleave(arrays.morphDelta, N, 3, new Float32Array(3 * N), meta.morphStep);
    let at = 0;
    this.morphs = meta.morphCounts.map((count) => {
      const from = at;
      at += count;
      return { index: arrays.morphIndex.subarray(from, at), delta: deltas.subarray(3 * from, 3 * at) };
    });
    this.shape = this.rest.slice(0, 3 * this.faceVertices); // what the renderer draws of the face
    this.shapeNormals = this.restNormals.slice(0, 3 * this.faceVertices);
    this._weights = new Float32Array(this.morphs.length);
    this._prepareNormals();
    if (still) this._append(still, meta.stillJoint);
  }

  _append({ position, normal, colour, surface, triangles }, joint) {
    const extra = position.length / 3;
    const join = (a, b) => {
      const whole = new a.constructor(a.length + b.length);
      whole.set(a);
      whole.set(b, a.length);
      return whole;
    };
    const alone = (value) => new Array(extra).fill([value, ...new Array(this.influences - 1).fill(0)]).flat();
    this.triangles = join(this.triangles, triangles.map((i) => i + this.vertices));
    this.rest = join(this.rest, position);
    this.restNormals = join(this.restNormals, normal);
    this.colours = join(this.colours, colour);
    this.surface = join(this.surface, surface);
    this.joints = join(this.joints, alone(joint));
    this.weights = join(this.weights, alone(255));
    if (!this.uv) return;
    this.uv = join(this.uv, new Array(2 * extra).fill(0));
    this.picture = join(this.picture, new Array(extra).fill([-1, 0]).flat());
  }

  /** Triangles of the face, and which vertices are one point: seams of colour must not show as creases. */
  _prepareNormals() {
    const n = this.faceVertices;
    const { triangles, rest } = this;
    const faces = [];
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = [triangles[i], triangles[i + 1], triangles[i + 2]];
      if (a < n || b < n || c < n) faces.push(a, b, c);
    }
    const points = new Map();
    this._point = new Uint32Array(this.vertices).fill(0);
    for (const v of faces) {
      const key = `${rest[3 * v]},${rest[3 * v + 1]},${rest[3 * v + 2]}`;
      if (!points.has(key)) points.set(key, points.size);
      this._point[v] = points.get(key);
    }
    this._faces = Uint32Array.from(faces);
    this._sums = new Float32Array(3 * points.size);
    this._restSums = new Float32Array(3 * points.size);
    this._sumNormals(this._restSums);
  }

  _position(v, out) {
    const from = v < this.faceVertices ? this.shape : this.rest;
    out[0] = from[3 * v];
    out[1] = from[3 * v + 1];
    out[2] = from[3 * v + 2];
  }

  /** Unit normals per point, from the triangles around it weighted by area. */
  _sumNormals(sums) {
    sums.fill(0);
    const { _faces: faces, _point: point } = this;
    const a = [0, 0, 0], b = [0, 0, 0], c = [0, 0, 0];
    for (let i = 0; i < faces.length; i += 3) {
      this._position(faces[i], a);
      this._position(faces[i + 1], b);
      this._position(faces[i + 2], c);
      const ux = b[0] - a[0], uy = b[1] - a[1], uz = b[2] - a[2];
      const vx = c[0] - a[0], vy = c[1] - a[1], vz = c[2] - a[2];
      const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
      for (let k = 0; k < 3; k++) {
        const p = 3 * point[faces[i + k]];
        sums[p] += x;
        sums[p + 1] += y;
        sums[p + 2] += z;
      }
    }
    for (let p = 0; p < sums.length; p += 3) {
      const n = 1 / (Math.hypot(sums[p], sums[p + 1], sums[p + 2]) || 1);
      sums[p] *= n;
      sums[p + 1] *= n;
      sums[p + 2] *= n;
    }
  }

  /** Apply the weights of the face's shapes; true if the face changed and has to be uploaded. */
  express(weights) {
    let moved = false;
    for (let k = 0; k < this._weights.length; k++) {
      if (Math.abs(weights[k] - this._weights[k]) > 1e-4) moved = true;
    }
    if (!moved) return false;
    this._weights.set(weights);
    const { shape, rest, shapeNormals, restNormals } = this;
    shape.set(rest.subarray(0, shape.length));
    this.morphs.forEach(({ index, delta }, k) => {
      const w = this._weights[k];
      if (w < 1e-4) return;
      for (let i = 0; i < index.length; i++) {
        const v = 3 * index[i];
        shape[v] += w * delta[3 * i];
        shape[v + 1] += w * delta[3 * i + 1];
        shape[v + 2] += w * delta[3 * i + 2];
      }
    });
    // The artist's normals stay; only the change that the shapes bring is added.
    this._sumNormals(this._sums);
    for (let v = 0; v < this.faceVertices; v++) {
      const p = 3 * this._point[v];
      for (let k = 0; k < 3; k++) {
        shapeNormals[3 * v + k] = restNormals[3 * v + k] + this._sums[p + k] - this._restSums[p + k];
      }
    }
    return true;
  }
}

/** [channels][count] -> [count][channels], times a step. */
function interleave(source, count, channels, out, step = 1) {
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < count; i++) out[i * channels + c] = source[c * count + i] * step;
  }
  return out;
}
