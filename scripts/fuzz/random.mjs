// Seeded random numbers, and the ordinary data that calls are made of.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @param {number} seed */
export function random(seed) {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) uniform();
  const r = {
    uniform,
    normal: () => uniform() + uniform() + uniform() + uniform() + uniform() + uniform() - 3,
    /** An integer from low to high, both included. */
    int: (low, high) => low + Math.floor(uniform() * (high - low + 1)),
    chance: (p) => uniform() < p,
    pick: (list) => list[Math.floor(uniform() * list.length)],
    /** Some of the entries of an object, each with this chance. */
    some: (object, p = 0.4) => Object.fromEntries(Object.entries(object).filter(() => uniform() < p)),
    seed: () => Math.floor(uniform() * 2 ** 31),
  };
  return r;
}

/** Sizes of a problem: small nearly always, so that calls are many. */
export function sizes(r) {
  const big = r.chance(0.02);
  return {
    samples: r.chance(0.05) ? 0 : r.int(1, big ? 40 : 6),
    dims: r.int(1, big ? 70 : 9),
    features: r.int(1, big ? 300 : 14),
  };
}

export function floats(r, length, Type = Float32Array) {
  const scale = r.chance(0.85) ? 1 : r.pick([1e-30, 1e-12, 1e6, 1e15]);
  const zeros = r.chance(0.1);
  const whole = r.chance(0.1); // ties
  return Type.from({ length }, () => {
    if (zeros && r.chance(0.5)) return 0;
    const value = r.normal();
    return scale * (whole ? Math.round(value) : value);
  });
}

export function matrix(r, rows, cols, Type) {
  return {
    data: floats(r, rows * cols, Type ?? (r.chance(0.85) ? Float32Array : Float64Array)),
    shape: [rows, cols],
  };
}

/** Rows of unit length, zero rows apart; duplicates now and then. */
export function atoms(r, rows, cols) {
  const made = matrix(r, rows, cols, Float32Array);
  for (let i = 0; i < rows; i++) {
    const row = made.data.subarray(i * cols, (i + 1) * cols);
    if (i > 0 && r.chance(0.05)) row.set(made.data.subarray(0, cols));
    const norm = Math.hypot(...row);
    if (norm > 0) for (let k = 0; k < cols; k++) row[k] /= norm;
  }
  return made;
}

/** Parts of valid codes. */
export function codes(r, samples, features, { nonnegative = false, Type = Float32Array } = {}) {
  const indptr = new Uint32Array(samples + 1);
  const indices = [];
  const values = [];
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < features; j++)
      if (r.chance(0.25)) {
        indices.push(j);
        const value = r.normal() || 1;
        values.push(nonnegative ? Math.abs(value) : value);
      }
    indptr[i + 1] = indices.length;
  }
  return {
    indptr,
    indices: Uint32Array.from(indices),
    values: Type.from(values),
    shape: [samples, features],
  };
}

/** Where to compute; a machine without a GPU has no others. */
export const device = (r) => r.pick(['auto', 'cpu']);

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Where a learner writes its state, in a folder that goes when the process does. */
export const checkpoint = (r) => ({
  path: join(folder, `${r.int(0, 1e9)}.safetensors`),
  every: r.int(1, 3),
});
