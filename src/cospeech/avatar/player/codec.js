// Reads the packed numbers of the page; html.py writes them (see `_Packer` there).
import { inflate } from "./inflate.js";

/** Base64 text -> bytes. */
export function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** zlib bytes -> bytes, by the browser where it can. */
export async function decompress(bytes, size) {
  if (typeof DecompressionStream !== "undefined") {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  return inflate(bytes, size);
}

const SIGNED = { 1: Int8Array, 2: Int16Array, 4: Int32Array };
const UNSIGNED = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/**
 * One array of the packed bytes. Each channel was differenced `order` times and zigzagged, modulo the
 * width, and the bytes stand plane by plane (all low bytes, then the next).
 * @returns typed array [channels * count], channel after channel.
 */
export function unpack(bytes, { offset, channels, count, width, order, signed }) {
  const total = channels * count;
  const planes = new Uint32Array(total);
  for (let plane = 0; plane < width; plane++) {
    const from = offset + plane * total;
    for (let i = 0; i < total; i++) planes[i] |= bytes[from + i] << (8 * plane);
  }
  const out = new (signed ? SIGNED : UNSIGNED)[width](total);
  for (let i = 0; i < total; i++) out[i] = (planes[i] >>> 1) ^ -(planes[i] & 1);
  for (let n = 0; n < order; n++) {
    for (let c = 0; c < channels; c++) {
      for (let i = c * count + 1; i < (c + 1) * count; i++) out[i] += out[i - 1]; // wraps as it must
    }
  }
  return out;
}

/** All arrays of a packed block {size, arrays: {name: layout}} by name. */
export async function unpackAll(base64, block) {
  const bytes = await decompress(fromBase64(base64), block.size);
  const arrays = {};
  for (const [name, layout] of Object.entries(block.arrays)) arrays[name] = unpack(bytes, layout);
  return arrays;
}
