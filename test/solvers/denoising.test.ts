// Basis pursuit denoising: the residual, the certificate, the λ that it answers, and what cannot be reached.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  lambdaMax,
  type Matrix,
  type Unfolding,
  UnfoldStatus,
  unfoldSync,
} from '../../lib/index.js';
import { U32 } from '../reference/bounds.js';
import { solveLasso } from '../reference/lasso.js';
import {
  at,
  dot,
  leastSquares,
  norm,
  type Rows,
  residualOf,
  rowAt,
  toMatrix,
  toRows,
} from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  heavyTailed,
  type Problem,
  scaled,
  unevenNorms,
} from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';
import { checkCodes, expectSame, trueGap } from '../reference/verify.js';

/** What counts as reaching ε: the rounding of float32 codes, relative to ‖x‖. */
const REACH = 2 ** -20;

function lambdaOf(result: Unfolding): Float64Array {
  if (result.lambda === undefined) throw new Error('no lambda');
  return result.lambda;
}

/** A lower bound of Σ w|a| over all codes that come within ε: y·x − ε‖y‖ for the best feasible multiple of the residual. */
function dualBound(
  x: Float64Array,
  atoms: Rows,
  r: Float64Array,
  epsilon: number,
  nonnegative: boolean,
): number {
  let strongest = 0;
  for (const atom of atoms) {
    const c = dot(atom, r);
    strongest = Math.max(strongest, nonnegative ? c : Math.abs(c));
  }
  return (dot(x, r) - epsilon * norm(r)) / strongest;
}

const size = { features: 40, dims: 16, samples: 6, active: 4 };
const easy = gaussian(641, size);
const problems: Problem[] = [
  easy,
  coherent(642, size),
  duplicates(643, size),
  unevenNorms(644, size),
  heavyTailed(645, size),
  scaled(easy, 2 ** -90),
  scaled(easy, 1e28),
];

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  it.each(problems)('$name', (problem) => {
    const dictionary = Dictionary.from(problem.atoms);
    const atoms = toRows(problem.atoms);
    const samples = toRows(problem.samples);
    const maxima = lambdaMax(problem.samples, dictionary, { nonnegative });
    for (const fraction of [0.9, 0.4, 0.1]) {
      const epsilon = samples.map((x) => fraction * norm(x));
      const options = { method: 'bpdn', epsilon, nonnegative, tolerance: 1e-5 } as const;
      const result = unfoldSync(problem.samples, dictionary, options);
      const lambda = lambdaOf(result);
      checkCodes(result.codes, samples.length, atoms.length);
      const same = unfoldSync(problem.samples, dictionary, {
        method: 'homotopy',
        nonnegative,
        lambda: lambda.map((value) => value || 1),
      });
      samples.forEach((x, i) => {
        const label = `${fraction}, sample ${i}`;
        const code = denseRow(result.codes, i);
        if (norm(x) === 0) {
          expect([norm(code), at(result.gap, i), at(lambda, i), at(result.status, i)]).toEqual([0, 0, 0, 0]);
          return;
        }
        if (at(result.status, i) === UnfoldStatus.infeasible) {
          // Signed, only the rank can be in the way; the nonnegative cone may miss any sample.
          expect(nonnegative, label).toBe(true);
          expect(at(result.gap, i)).toBe(Number.POSITIVE_INFINITY);
          // The closest code: no atom correlates with what is left, so no λ however small comes closer.
          const r = residualOf(x, atoms, code);
          for (const atom of atoms)
            expect(dot(atom, r), label).toBeLessThanOrEqual(1e-5 * norm(atom) * norm(x));
          expect(norm(r)).toBeGreaterThan(at(epsilon, i));
          return;
        }
        expect(at(result.status, i), label).toBe(UnfoldStatus.converged);
        const r = residualOf(x, atoms, code);
        expect(Math.abs(norm(r) - at(epsilon, i)), label).toBeLessThanOrEqual(REACH * norm(x));
        const l1 = code.reduce((sum, a) => sum + Math.abs(a), 0);
        expect(Math.abs(at(result.objective, i) - l1), label).toBeLessThanOrEqual(1e-13 * l1);
        expect(at(result.gap, i), label).toBeLessThanOrEqual(1e-5);
        // An independent dual point bounds what is left to gain, as tightly as the gap says,
        // to the rounding of the codes, which moves correlations by U32·Σ|a_j|‖d_j‖‖d‖ against λ.
        const longest = Math.max(...atoms.map((atom) => norm(atom)));
        const moved = U32 * code.reduce((sum, a, j) => sum + Math.abs(a) * norm(rowAt(atoms, j)), norm(x));
        const slack =
          1e-5 + (2 * moved * longest) / at(lambda, i) + (REACH * norm(x) * norm(r)) / (at(lambda, i) * l1);
        const bound = dualBound(x, atoms, r, at(epsilon, i), nonnegative);
        expect((l1 - bound) / l1, label).toBeLessThanOrEqual(slack);
        expect((l1 - bound) / l1, label).toBeGreaterThanOrEqual(-slack);
        // It is LASSO's solution at the λ that it names.
        expect(at(lambda, i)).toBeGreaterThan(0);
        expect(at(lambda, i)).toBeLessThanOrEqual(at(maxima, i));
        const lasso = denseRow(same.codes, i);
        const largest = norm(code);
        code.forEach((a, j) => {
          expect(Math.abs(a - at(lasso, j)), `${label}, code ${j}`).toBeLessThanOrEqual(1e-6 * largest);
        });
      });
    }
  });
});

it('agrees with bisection over λ on coordinate descent', () => {
  const atoms = toRows(easy.atoms);
  const x = rowAt(toRows(easy.samples), 0);
  const epsilon = 0.3 * norm(x);
  let [low, high] = [0, norm(x)];
  for (let step = 0; step < 45; step++) {
    const lambda = 0.5 * (low + high);
    if (norm(residualOf(x, atoms, solveLasso({ x, atoms, lambda }).code)) > epsilon) high = lambda;
    else low = lambda;
  }
  const result = unfoldSync(easy.samples, Dictionary.from(easy.atoms), { method: 'bpdn', epsilon });
  expect(Math.abs(at(lambdaOf(result), 0) - low)).toBeLessThanOrEqual(1e-6 * low);
});

it('ε ≥ ‖x‖ is answered with zero, at λ_max', () => {
  const dictionary = Dictionary.from(easy.atoms);
  const norms = toRows(easy.samples).map((x) => norm(x));
  for (const factor of [1, 1.5, 1e6]) {
    const epsilon = norms.map((value) => value * factor * (1 + 1e-12));
    const result = unfoldSync(easy.samples, dictionary, { method: 'bpdn', epsilon });
    expect(result.codes.indices.length).toBe(0);
    expect(result.converged).toBe(true);
    expect([...result.gap]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(lambdaOf(result)).toEqual(lambdaMax(easy.samples, dictionary));
  }
});

describe('ε = 0', () => {
  const random = makeRandom(651);

  it('recovers planted codes of consistent systems', () => {
    const base = gaussian(652, { features: 60, dims: 30, samples: 1 });
    const atoms = toRows(base.atoms);
    const planted = Array.from({ length: 5 }, () => {
      const code = new Float64Array(60);
      for (const j of random.choose(4, 60)) code[j] = random.sign() * (0.5 + random.uniform());
      return code;
    });
    const samples = toMatrix(
      planted.map((code) =>
        residualOf(
          new Float64Array(30),
          atoms,
          code.map((a) => -a),
        ),
      ),
    );
    const result = unfoldSync(samples, Dictionary.from(base.atoms), { method: 'bpdn', epsilon: 0 });
    expect(result.converged).toBe(true);
    planted.forEach((code, i) => {
      expect(at(result.residual, i)).toBeLessThanOrEqual(REACH * norm(rowAt(toRows(samples), i)));
      denseRow(result.codes, i).forEach((a, j) => {
        expect(Math.abs(a - at(code, j))).toBeLessThanOrEqual(1e-5);
      });
    });
  });

  it('fits any sample exactly where there are more atoms than dims', () => {
    const problem = gaussian(653, { features: 50, dims: 12, samples: 8, noise: 1 });
    const result = unfoldSync(problem.samples, Dictionary.from(problem.atoms), {
      method: 'bpdn',
      epsilon: 0,
    });
    expect(result.converged).toBe(true);
    toRows(problem.samples).forEach((x, i) => {
      expect(at(result.residual, i)).toBeLessThanOrEqual(REACH * norm(x));
      expect(result.codes.row(i).indices.length).toBeLessThanOrEqual(12);
    });
  });
});

it('what no code reaches has its own status, and the closest code', () => {
  const problem = gaussian(661, { features: 6, dims: 20, samples: 5, noise: 0.7, active: 3 });
  const dictionary = Dictionary.from(problem.atoms);
  const atoms = toRows(problem.atoms);
  const samples = toRows(problem.samples);
  const distances = samples.map((x) => norm(residualOf(x, atoms, leastSquares(x, atoms))));
  const factors = [0, 0.5, 0.999, 1.001, 1.3];
  const epsilon = distances.map((value, i) => value * at(factors, i));
  const result = unfoldSync(problem.samples, dictionary, { method: 'bpdn', epsilon });
  expect(result.converged).toBe(false);
  factors.forEach((factor, i) => {
    expect(at(result.status, i)).toBe(factor < 1 ? UnfoldStatus.infeasible : UnfoldStatus.converged);
    expect(at(result.gap, i) === Number.POSITIVE_INFINITY).toBe(factor < 1);
    const wanted = factor < 1 ? at(distances, i) : at(epsilon, i);
    expect(Math.abs(at(result.residual, i) - wanted)).toBeLessThanOrEqual(REACH * norm(rowAt(samples, i)));
  });
});

it('a sample that every atom points away from is out of reach for nonnegative codes', () => {
  const dictionary = Dictionary.from(toMatrix([[1, 0]]));
  const samples: Matrix = toMatrix([[-1, 0]]);
  const options = { method: 'bpdn', nonnegative: true } as const;
  expect(unfoldSync(samples, dictionary, { ...options, epsilon: 0.5 }).status[0]).toBe(
    UnfoldStatus.infeasible,
  );
  expect(unfoldSync(samples, dictionary, { ...options, epsilon: 1 }).status[0]).toBe(UnfoldStatus.converged);
});

it('weights are those of the ℓ1 norm', () => {
  const weights = Float32Array.from({ length: 40 }, (_, j) => 0.5 + (j % 3));
  const epsilon = 0.4;
  const dictionary = Dictionary.from(easy.atoms);
  const result = unfoldSync(easy.samples, dictionary, { method: 'bpdn', epsilon, weights, tolerance: 1e-5 });
  expect(result.converged).toBe(true);
  expect(trueGap(easy, { lambda: lambdaOf(result), weights }, result)).toBeLessThanOrEqual(1e-5);
  toRows(easy.samples).forEach((_, i) => {
    const l1 = denseRow(result.codes, i).reduce((sum, a, j) => sum + at(weights, j) * Math.abs(a), 0);
    expect(Math.abs(at(result.objective, i) - l1)).toBeLessThanOrEqual(1e-13 * l1);
    expect(Math.abs(at(result.residual, i) - epsilon)).toBeLessThanOrEqual(4 * U32 * 2);
  });
});

it('powers of two scale everything exactly, and one ε is the same for all', () => {
  const dictionary = Dictionary.from(easy.atoms);
  const one = unfoldSync(easy.samples, dictionary, { method: 'bpdn', epsilon: 0.25 });
  expectSame(one, unfoldSync(easy.samples, dictionary, { method: 'bpdn', epsilon: new Array(6).fill(0.25) }));
  const large = { data: easy.samples.data.map((v) => 1024 * v), shape: easy.samples.shape };
  const two = unfoldSync(large, dictionary, { method: 'bpdn', epsilon: 256 });
  expect(two.codes.values).toEqual(one.codes.values.map((v) => 1024 * v));
  expect(lambdaOf(two)).toEqual(lambdaOf(one).map((v) => 1024 * v));
  expect(two.objective).toEqual(one.objective.map((v) => 1024 * v));
  expect(two.gap).toEqual(one.gap);
});

it('a limit of knots that comes first is said', () => {
  const dictionary = Dictionary.from(easy.atoms);
  const result = unfoldSync(easy.samples, dictionary, { method: 'bpdn', epsilon: 0.01, maxIterations: 2 });
  for (const status of result.status) expect(status).toBe(UnfoldStatus.iterationLimit);
  for (const gap of result.gap) expect(gap).toBe(Number.POSITIVE_INFINITY);
});
