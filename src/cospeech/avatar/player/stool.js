// A stool for a seated speaker: a body that sits on air looks wrong. One profile turned round an axis.

const SIDES = 36;
const CUSHION = [196, 184, 168];
const STEEL = [150, 156, 164];
// Radius and height in metres below the seat's top (negative) or above the floor, colour, shine 0 to 255.
const CUSHION_PROFILE = [[0, 0], [0.13, -0.001], [0.165, -0.006], [0.182, -0.018], [0.188, -0.034], [0.182, -0.05],
  [0.165, -0.058], [0, -0.06]];
const COLUMN_PROFILE = [[0.03, -0.058], [0.03, -0.075], [0.022, -0.08]];
const FOOT_PROFILE = [[0.022, 0.03], [0.035, 0.022], [0.19, 0.012], [0.2, 0.008], [0.203, 0.0]];

/** @param place {x, z, height} of the seat, metres. @returns arrays as Body keeps them, triangles from 0. */
export function makeStool({ x, z, height }) {
  const top = ([r, y]) => [r, height + y];
  const parts = [
    { rings: CUSHION_PROFILE.map(top), colour: CUSHION, shine: 20 },
    { rings: [...COLUMN_PROFILE.map(top), ...FOOT_PROFILE], colour: STEEL, shine: 120 },
  ];
  const position = [], normal = [], colour = [], surface = [], triangles = [];
  for (const { rings, colour: paint, shine } of parts) {
    const first = position.length / 3;
    rings.forEach(([r, y], i) => {
      const [before, after] = [rings[Math.max(i - 1, 0)], rings[Math.min(i + 1, rings.length - 1)]];
      const slope = Math.hypot(after[0] - before[0], after[1] - before[1]) || 1;
      const [outwards, upwards] = [-(after[1] - before[1]) / slope, (after[0] - before[0]) / slope];
      for (let k = 0; k < SIDES; k++) {
        const [c, s] = [Math.cos((k / SIDES) * 2 * Math.PI), Math.sin((k / SIDES) * 2 * Math.PI)];
        position.push(x + r * c, y, z + r * s);
        normal.push(outwards * c, upwards, outwards * s);
        colour.push(...paint);
        surface.push(Math.round(255 * Math.min(1, 0.45 + Math.abs(y - height) * 2)), shine, 0);
        if (i === 0) continue;
        const a = first + i * SIDES + k;
        const b = first + i * SIDES + ((k + 1) % SIDES);
        triangles.push(a - SIDES, b, a, a - SIDES, b - SIDES, b);
      }
    });
  }
  return { position, normal, colour, surface, triangles };
}
