// Inflate (RFC 1951 in the zlib wrapper of RFC 1950) for browsers without DecompressionStream.

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99,
  115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025,
  1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12,
  12, 13, 13];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Canonical Huffman code: how many codes there are of each length, and the symbols in code order. */
function huffman(lengths) {
  const counts = new Uint16Array(16);
  for (const n of lengths) counts[n]++;
  counts[0] = 0;
  const next = new Uint16Array(16);
  for (let n = 1; n < 16; n++) next[n] = next[n - 1] + counts[n - 1];
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((n, symbol) => {
    if (n) symbols[next[n]++] = symbol;
  });
  return { counts, symbols };
}

/** @param {Uint8Array} source zlib bytes; @param {number} size how long the result is. */
export function inflate(source, size) {
  const out = new Uint8Array(size);
  let at = 2; // the zlib header
  let written = 0;
  let buffer = 0;
  let held = 0;

  const bits = (n) => {
    while (held < n) {
      buffer |= source[at++] << held;
      held += 8;
    }
    const value = buffer & ((1 << n) - 1);
    buffer >>>= n;
    held -= n;
    return value;
  };
  const symbol = ({ counts, symbols }) => {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let n = 1; n < 16; n++) {
      code |= bits(1);
      if (code - counts[n] < first) return symbols[index + code - first];
      index += counts[n];
      first = (first + counts[n]) << 1;
      code <<= 1;
    }
    throw new Error("the data in this page is damaged");
  };

  const fixed = () => [
    huffman(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
    huffman(new Array(30).fill(5)),
  ];
  const dynamic = () => {
    const literals = bits(5) + 257;
    const distances = bits(5) + 1;
    const codes = bits(4) + 4;
    const small = new Array(19).fill(0);
    for (let i = 0; i < codes; i++) small[CODE_ORDER[i]] = bits(3);
    const coder = huffman(small);
    const lengths = [];
    while (lengths.length < literals + distances) {
      const s = symbol(coder);
      if (s < 16) lengths.push(s);
      else {
        const value = s === 16 ? lengths[lengths.length - 1] : 0;
        let times = s === 16 ? 3 + bits(2) : s === 17 ? 3 + bits(3) : 11 + bits(7);
        while (times--) lengths.push(value);
      }
    }
    return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals))];
  };

  let last = 0;
  while (!last) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      buffer = held = 0;
      const n = source[at] | (source[at + 1] << 8);
      out.set(source.subarray(at + 4, at + 4 + n), written);
      at += 4 + n;
      written += n;
      continue;
    }
    const [literal, distance] = kind === 1 ? fixed() : dynamic();
    for (;;) {
      const s = symbol(literal);
      if (s === 256) break;
      if (s < 256) {
        out[written++] = s;
        continue;
      }
      const n = LENGTH_BASE[s - 257] + bits(LENGTH_BITS[s - 257]);
      const d = symbol(distance);
      const back = DISTANCE_BASE[d] + bits(DISTANCE_BITS[d]);
      for (let i = 0; i < n; i++, written++) out[written] = out[written - back];
    }
  }
  return out;
}
