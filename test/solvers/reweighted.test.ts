// Iteratively reweighted ℓ1: every LASSO exact for the weights of the codes before, F falling, and more planted codes found.
import { describe, expect, it } from 'vitest';
import { Dictionary, type Matrix, type Unfolding, unfoldSync } from '../../lib/index.js';
import { U32 } from '../reference/bounds.js';
import { dualPoint, type LassoProblem, objective } from '../reference/lasso.js';
import { at, dot, norm, type Rows, residualOf, rowAt, toMatrix, toRows } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  type Problem,
  standardProblems,
  unevenNorms,
} from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';
import { checkCodes, expectSame } from '../reference/verify.js';

const size = { features: 40, dims: 16, samples: 5, active: 4 };
const problems: Problem[] = [
  gaussian(671, size),
  coherent(672, size),
  duplicates(673, size),
  unevenNorms(674, size),
];

/** F(a) = ½‖x − aD‖² + λε Σ log(1 + |a_j|/ε) */
function surrogate(
  x: Float64Array,
  atoms: Rows,
  code: Float64Array,
  lambda: number,
  epsilon: number,
): number {
  const r = residualOf(x, atoms, code);
  return (
    0.5 * dot(r, r) + lambda * epsilon * code.reduce((sum, a) => sum + Math.log1p(Math.abs(a) / epsilon), 0)
  );
}

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  it.each(problems)('$name', (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const atoms = toRows(problem.atoms);
    const samples = toRows(problem.samples);
    const lambda = 0.1;
    const epsilon = 0.2;
    const rounds: Unfolding[] = Array.from({ length: 6 }, (_, reweightings) =>
      unfoldSync(problem.samples, dictionary, {
        method: 'reweighted',
        lambda,
        epsilon,
        reweightings,
        nonnegative,
        tolerance: 1e-6,
      }),
    );
    const plain = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda, nonnegative });
    expect(rounds[0]?.codes).toEqual(plain.codes);
    samples.forEach((x, i) => {
      let before = surrogate(x, atoms, new Float64Array(atoms.length), lambda, epsilon);
      let weights = new Float64Array(atoms.length).fill(1);
      for (const [m, round] of rounds.entries()) {
        const label = `sample ${i}, reweighting ${m}`;
        const code = denseRow(round.codes, i);
        checkCodes(round.codes, samples.length, atoms.length);
        expect(round.converged, label).toBe(true);
        expect(at(round.iterations, i), label).toBe(norm(plain.codes.row(i).values) === 0 ? 1 : m + 1);
        // The weighted LASSO of the last codes, judged in float64 by someone else.
        const p: LassoProblem = { x, atoms, lambda, weights, nonnegative };
        const value = objective(p, code);
        // Rounding the codes moves correlations by U32·Σ|a_j|‖d_j‖‖d‖ against λw, and the dual value with them.
        const longest = Math.max(...atoms.map((atom, j) => norm(atom) / at(weights, j)));
        const moved = U32 * code.reduce((sum, a, j) => sum + Math.abs(a) * norm(rowAt(atoms, j)), norm(x));
        const slack = ((2 * moved * longest) / lambda) * dot(x, x);
        expect(value - dualPoint(p, code).value, label).toBeLessThanOrEqual(1e-6 * 0.5 * dot(x, x) + slack);
        expect(Math.abs(at(round.objective, i) - value), label).toBeLessThanOrEqual(1e-12 * value);
        // Codes are rounded to float32 on the way: a step may lose what that costs, and no more.
        const now = surrogate(x, atoms, code, lambda, epsilon);
        expect(now, label).toBeLessThanOrEqual(before + 8 * U32 * dot(x, x));
        before = now;
        weights = code.map((a) => epsilon / (Math.abs(a) + epsilon));
      }
    });
  });

  it.each(standardProblems(nonnegative))('$name with the defaults', (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const atoms = toRows(problem.atoms);
    const samples = toRows(problem.samples);
    const lambda = samples.map((x) => 0.05 * (norm(x) * Math.max(...atoms.map((a) => norm(a))) || 1));
    const result = unfoldSync(problem.samples, dictionary, { method: 'reweighted', lambda, nonnegative });
    checkCodes(result.codes, samples.length, atoms.length);
    expect(result.converged).toBe(true);
    for (const gap of result.gap) expect(gap).toBeLessThanOrEqual(1e-4);
    if (nonnegative) for (const value of result.codes.values) expect(value).toBeGreaterThan(0);
  });
});

it('finds planted codes that plain ℓ1 misses', () => {
  const [features, dims, active, count] = [100, 40, 13, 40];
  const random = makeRandom(681);
  const base = gaussian(682, { features, dims, samples: 1 });
  const atoms = toRows(base.atoms);
  const planted = Array.from({ length: count }, () => {
    const code = new Float64Array(features);
    for (const j of random.choose(active, features)) code[j] = random.sign() * (0.3 + 2 * random.uniform());
    return code;
  });
  const samples: Matrix<Float32Array> = toMatrix(
    planted.map((code) =>
      residualOf(
        new Float64Array(dims),
        atoms,
        code.map((a) => -a),
      ),
    ),
  );
  const dictionary = Dictionary.from(base.atoms);
  const found = (codes: Unfolding['codes']): boolean[] =>
    planted.map((code, i) => {
      const support = code.reduce<number[]>((list, a, j) => (a === 0 ? list : list.concat(j)), []);
      const strong = [...codes.row(i).indices].filter((_, k) => Math.abs(at(codes.row(i).values, k)) > 0.05);
      return strong.join() === support.join();
    });
  const plain = found(unfoldSync(samples, dictionary, { method: 'homotopy', lambda: 1e-3 }).codes);
  const again = found(
    unfoldSync(samples, dictionary, { method: 'reweighted', lambda: 1e-3, epsilon: 0.1 }).codes,
  );
  const hits = (list: boolean[]): number => list.filter(Boolean).length;
  expect(again.filter((hit, i) => hit && !plain[i]).length).toBeGreaterThanOrEqual(5);
  expect(hits(again)).toBeGreaterThan(hits(plain));
});

describe('ε', () => {
  const problem = gaussian(691, size);
  const dictionary = Dictionary.from(problem.atoms);
  const base = { method: 'reweighted', lambda: 0.1 } as const;

  it('is a tenth of the largest first code by default', () => {
    const first = unfoldSync(problem.samples, dictionary, { ...base, reweightings: 0 });
    const epsilon = Array.from(
      { length: 5 },
      (_, i) => 0.1 * Math.max(...first.codes.row(i).values.map((a) => Math.abs(a))),
    );
    const given = unfoldSync(problem.samples, dictionary, { ...base, epsilon });
    const absent = unfoldSync(problem.samples, dictionary, base);
    expect(given.codes.indices).toEqual(absent.codes.indices);
    given.codes.values.forEach((value, k) => {
      expect(Math.abs(value - at(absent.codes.values, k))).toBeLessThanOrEqual(4 * U32 * Math.abs(value));
    });
    expectSame(absent, unfoldSync(problem.samples, dictionary, { ...base, reweightings: 4 }));
  });

  it('that is huge leaves LASSO, and one that is tiny shrinks active codes no more', () => {
    const plain = unfoldSync(problem.samples, dictionary, { method: 'homotopy', lambda: 0.1 });
    const flat = unfoldSync(problem.samples, dictionary, { ...base, epsilon: 1e30 });
    expect(flat.codes).toEqual(plain.codes);
    const steep = unfoldSync(problem.samples, dictionary, { ...base, epsilon: 1e-30 });
    expect(steep.converged).toBe(true);
    toRows(problem.samples).forEach((x, i) => {
      const atoms = toRows(problem.atoms);
      const r = residualOf(x, atoms, denseRow(steep.codes, i));
      // d_j·r = λw_j with w at its least, 1e-9
      for (const j of steep.codes.row(i).indices)
        expect(Math.abs(dot(rowAt(atoms, j), r))).toBeLessThanOrEqual(1e-6 * norm(x));
    });
  });

  it('scales with the sample', () => {
    const large = { data: problem.samples.data.map((v) => 4096 * v), shape: problem.samples.shape };
    const one = unfoldSync(problem.samples, dictionary, { ...base, epsilon: 0.1 });
    const two = unfoldSync(large, dictionary, { ...base, lambda: 409.6, epsilon: 409.6 });
    expect(two.codes.values).toEqual(one.codes.values.map((v) => 4096 * v));
  });
});
