// What single steps of learning do, against the algorithm written out in float64.
import { describe, expect, it } from 'vitest';
import { Dictionary, learnDictionary, type Matrix, unfold } from '../../lib/index.js';
import { at, dot, norm, type Rows, rowAt, subtract, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { denseRow } from '../reference/recovery.js';

const DIMS = 24;

/** Block-coordinate descent over the atoms (Mairal et al. 2009, algorithm 2), one sweep; `sequential`: each sees those before it. */
function sweep(samples: Rows, codes: Rows, start: Rows, sequential: boolean): Rows {
  const atoms = start.map((atom) => atom.slice());
  const from = sequential ? atoms : start;
  start.forEach((_, j) => {
    const numerator = new Float64Array(DIMS);
    let own = 0;
    codes.forEach((code, i) => {
      const a = at(code, j);
      if (a === 0) return;
      own += a * a;
      const left = rowAt(samples, i).slice();
      code.forEach((value, k) => {
        if (value !== 0 && k !== j) subtract(left, value, rowAt(from, k));
      });
      subtract(numerator, -a, left);
    });
    if (own === 0) return;
    const u = numerator.map((v) => v / own);
    const size = Math.max(1, norm(u));
    atoms[j] = u.map((v) => v / size);
  });
  return atoms;
}

const farthest = (a: Rows, b: Rows): number =>
  Math.max(...a.map((row, j) => norm(row.map((v, k) => v - at(rowAt(b, j), k)))));

describe('one step', () => {
  it.each([40, 300])('%i atoms given to start from: one sweep over the atoms, in order', async (features) => {
    const problem = gaussian(401, { features, dims: DIMS, samples: 5 * features, active: 3, noise: 0.02 });
    // Not the planted atoms, whose steps would be small.
    const start = gaussian(402, { features, dims: DIMS, samples: 0 }).atoms;
    const options = { lambda: 0.1, tolerance: 1e-7 };
    const learned = await learnDictionary(problem.samples, {
      ...{ ...options, features, batchSize: 5 * features, steps: 1 },
      initial: start,
    });
    const { codes } = await unfold(problem.samples, Dictionary.from(start), options);
    const dense = Array.from({ length: 5 * features }, (_, i) => denseRow(codes, i));
    const [samples, before] = [toRows(problem.samples), toRows(start)];
    const atoms = toRows(learned.dictionary.toMatrix());
    const expected = sweep(samples, dense, before, true);
    const together = sweep(samples, dense, before, false);
    // Sums of float32, and codes within a gap of 1e-7; atoms that do not see each other's changes end elsewhere.
    expect(farthest(atoms, expected)).toBeLessThan(2e-3);
    expect(farthest(together, expected)).toBeGreaterThan(0.1);
  });

  it('atoms from samples: no λ below 0.3 of the norm, figures at the λ that was asked for', async () => {
    const rows = 60;
    const { samples } = gaussian(403, { features: 20, dims: DIMS, samples: rows, active: 3 });
    const [lambda, tolerance] = [0.05, 1e-6];
    // As many atoms as samples: every sample is one, whatever their order.
    const options = { lambda, tolerance, features: rows, batchSize: rows, steps: 1 };
    const learned = await learnDictionary(samples, options);
    const norms = toRows(samples).map((row) => norm(row));
    const atoms = Dictionary.from(samples, { normalize: true });
    const each = Float64Array.from(norms, (size) => Math.max(lambda, 0.3 * size));
    const { codes, residual } = await unfold(samples, atoms, { lambda: each, tolerance });
    const l1 = codes.values.reduce((sum, value) => sum + Math.abs(value), 0);
    const energy = residual.reduce((sum, value) => sum + value * value, 0);
    const expected = (energy / 2 + lambda * l1) / rows;
    expect(Math.abs(learned.objective / expected - 1)).toBeLessThan(1e-3);
    const { objective } = await unfold(samples, atoms, { lambda, tolerance });
    const least = objective.reduce((sum, value) => sum + value, 0) / rows;
    expect(learned.objective).toBeGreaterThan(1.1 * least);
  });
});

it('late in a run an atom waits until enough about it is new', async () => {
  const features = 40;
  const { samples } = gaussian(404, { features, dims: DIMS, samples: 4000, active: 3, noise: 0.02 });
  const atomsAfter = async (steps: number): Promise<Matrix<Float32Array>> => {
    const { dictionary } = await learnDictionary(samples, { features, lambda: 0.1, batchSize: 256, steps });
    return dictionary.toMatrix() as Matrix<Float32Array>;
  };
  const [before, after] = [toRows(await atomsAfter(200)), toRows(await atomsAfter(201))];
  const same = before.filter((atom, j) => dot(atom, atom) === dot(atom, rowAt(after, j))).length;
  expect(same).toBeGreaterThan(features / 2);
  expect(same).toBeLessThan(features);
});
