// The dictionaries of synthetic activations: Adam in float64, and the least sum of squared overlaps.
import { describe, expect, it } from 'vitest';
import { toy } from '../../lib/index.js';
import { toRows } from '../reference/linear.js';

describe('the dictionary', () => {
  it('is Adam on the objective, pair by pair, in float64', async () => {
    const [features, dims, rate] = [30, 8, 1e-2];
    const make = async (steps: number) =>
      toRows(
        (
          await toy.syntheticFeatures({ features, dims, seed: 2, orthogonal: { steps, learningRate: rate } })
        ).dictionary.toMatrix(),
      );
    const start = await make(0);
    for (const row of start) expect(Math.abs(Math.hypot(...row) - 1)).toBeLessThan(1e-6);
    const atoms = start.map((row) => [...row]);
    const first = atoms.map((row) => row.map(() => 0));
    const second = atoms.map((row) => row.map(() => 0));
    const steps = 8;
    for (let t = 1; t <= steps; t++) {
      const gradient = atoms.map((a, i) => {
        const g = a.map(() => 0);
        atoms.forEach((b, j) => {
          const product = a.reduce((sum, entry, k) => sum + entry * (b[k] as number), 0);
          // Σ_{i≠j} counts each pair twice
          const slope = i === j ? 4 * features * (product - 1) : 4 * product;
          b.forEach((entry, k) => {
            g[k] = (g[k] as number) + slope * entry;
          });
        });
        return g;
      });
      atoms.forEach((row, i) => {
        row.forEach((_, k) => {
          const g = gradient[i]?.[k] as number;
          const m = 0.9 * (first[i]?.[k] as number) + 0.1 * g;
          const v = 0.999 * (second[i]?.[k] as number) + 0.001 * g * g;
          (first[i] as number[])[k] = m;
          (second[i] as number[])[k] = v;
          row[k] =
            (row[k] as number) - (rate * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
        });
      });
    }
    const got = await make(steps);
    atoms.forEach((row, i) => {
      const size = Math.hypot(...row);
      row.forEach((entry, k) => {
        expect(Math.abs((got[i]?.[k] as number) - entry / size), `${i}, ${k}`).toBeLessThan(2e-5);
      });
    });
  });

  it('comes to the least sum of squared overlaps that there is, n²/dims', async () => {
    const [features, dims] = [40, 8];
    const potential = async (steps: number): Promise<number> => {
      const options = { features, dims, seed: 3, orthogonal: { steps, learningRate: 1e-2 } };
      const rows = toRows((await toy.syntheticFeatures(options)).dictionary.toMatrix());
      const overlap = (a: Float64Array, b: Float64Array): number =>
        a.reduce((sum, entry, k) => sum + entry * (b[k] as number), 0) ** 2;
      return rows.reduce((sum, a) => sum + rows.reduce((inner, b) => inner + overlap(a, b), 0), 0);
    };
    // Welch 1974; Benedetto & Fickus 2003: unit norm tight frames, and nothing else, have it
    const least = features ** 2 / dims;
    expect(await potential(0)).toBeGreaterThan(1.1 * least);
    const made = await potential(300);
    expect(made).toBeGreaterThan((1 - 1e-6) * least);
    expect(made).toBeLessThan(1.001 * least);
  });
});
