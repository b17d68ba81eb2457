// Powers of two for the methods that are no exact minimisers: figures and statuses are judged by float64 in the caller's units.
import { describe, expect, it } from 'vitest';
import { Dictionary, type UnfoldSyncOptions, unfoldSync } from '../../lib/index.js';
import { lambdaMax, objective as objectiveOf, solveLasso } from '../reference/lasso.js';
import { at, norm, type Rows, toMatrix, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';

/** x − aD */
const residualOf = (x: ArrayLike<number>, code: Float64Array, atoms: Rows): Float64Array =>
  Float64Array.from({ length: x.length }, (_, k) =>
    code.reduce((left, a, j) => (a === 0 ? left : left - a * at(atoms[j] ?? [], k)), at(x, k)),
  );

const GREEDY = ['omp', 'mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'] as const;

describe.each([
  [0, 3],
  [0, 40],
  [-70, 25],
  [-100, 10],
  [40, 10],
])('atoms of 2^(%i ± %i)', (centre, spread) => {
  it.each(GREEDY)(
    "%s's codes have the figures that are said of them, and are no worse than zero",
    (method) => {
      const random = makeRandom(91 + spread);
      const problem = gaussian(91, { features: 24, dims: 10, samples: 6, noise: 0.1 });
      const power = (around: number, by: number): number =>
        2 ** Math.round(around + by * (2 * random.uniform() - 1));
      // What float32 holds of them.
      const scale = (rows: Rows, around: number, by: number): Rows =>
        rows.map((row) => {
          const factor = power(around, by);
          return row.map((v) => Math.fround(v * factor));
        });
      const atoms = scale(toRows(problem.atoms), centre, spread);
      const samples = scale(toRows(problem.samples), Math.max(-80, Math.min(80, centre)), 30);
      const { codes, objective, residual, status } = unfoldSync(
        toMatrix(samples),
        Dictionary.from(toMatrix(atoms)),
        { method, sparsity: 3 } as UnfoldSyncOptions,
      );
      samples.forEach((x, i) => {
        const code = denseRow(codes, i);
        expect(code.every(Number.isFinite)).toBe(true);
        expect(code.filter((v) => v !== 0).length).toBeLessThanOrEqual(3);
        const left = norm(residualOf(x, code, atoms));
        const size = norm(x);
        // The figures are those of codes before they were rounded to float32: 2⁻²⁴ of each term, of which cancellation leaves more.
        const terms = code.reduce((sum, a, j) => sum + Math.abs(a) * norm(atoms[j] ?? []), size);
        expect(Math.abs(at(residual, i) - left)).toBeLessThanOrEqual(2 ** -22 * terms);
        expect(Math.abs(Math.sqrt(2 * at(objective, i)) - left)).toBeLessThanOrEqual(2 ** -22 * terms);
        expect(left).toBeLessThanOrEqual(size * (1 + 2 ** -20));
        expect([0, 1, 2, 3, 4, 5]).toContain(status[i]);
      });
    },
  );
});

describe.each([-100, -60, -20, 0, 20, 40, 55])('all atoms of 2^%i', (centre) => {
  it('amp says converged of nothing but the minimum, and its gap is true', () => {
    const problem = gaussian(92, { features: 120, dims: 60, samples: 4, active: 4, noise: 0.02 });
    const atoms = toRows(problem.atoms);
    const given = atoms.map((row) => row.map((v) => v * 2 ** centre));
    const unit = (i: number): number => 2 ** (20 * i - 30);
    const samples = toRows(problem.samples).map((row, i) => row.map((v) => v * unit(i)));
    const problems = toRows(problem.samples).map((x) => {
      const largest = lambdaMax({ x, atoms });
      return { x, atoms, lambda: 0.2 * largest };
    });
    const { codes, gap, status, objective } = unfoldSync(
      toMatrix(samples),
      Dictionary.from(toMatrix(given)),
      {
        method: 'amp',
        lambda: Float64Array.from(problems, ({ lambda }, i) => lambda * 2 ** centre * unit(i)),
      },
    );
    problems.forEach((inBaseUnits, i) => {
      const least = objectiveOf(inBaseUnits, solveLasso(inBaseUnits).code);
      const code = denseRow(codes, i).map((v) => (v * 2 ** centre) / unit(i));
      const own = objectiveOf(inBaseUnits, code);
      const half = 0.5 * norm(inBaseUnits.x) ** 2;
      expect(Number.isNaN(at(gap, i))).toBe(false);
      expect((own - least) / half).toBeLessThanOrEqual(at(gap, i) + 1e-6);
      expect(Math.abs(at(objective, i) / unit(i) ** 2 - own)).toBeLessThanOrEqual(1e-5 * half);
      if (status[i] === 0) expect(at(gap, i)).toBeLessThanOrEqual(1e-4);
    });
    // Atoms of unit size, as message passing wants them: it finds the minimum.
    if (centre === 0) expect([...status]).toEqual([0, 0, 0, 0]);
  });
});
