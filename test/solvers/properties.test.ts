// Properties that hold for every problem, on problems that fast-check makes up and shrinks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dictionary, fold, lambdaMax, type Matrix, UnfoldStatus, unfoldSync } from '../../lib/index.js';
import { gamma32, U32 } from '../reference/bounds.js';
import { type LassoProblem, objective, lambdaMax as referenceLambdaMax } from '../reference/lasso.js';
import { at, dot, norm, rowAt, toRows } from '../reference/linear.js';
import { denseRow } from '../reference/recovery.js';
import { checkConvex, expectSame } from '../reference/verify.js';

/** fixed, so that a failure repeats; fast-check prints the path to the shrunk case */
const RUNS = { seed: 20240501, numRuns: 120 };

interface Case {
  atoms: Matrix<Float32Array>;
  samples: Matrix<Float32Array>;
  fraction: number;
  nonnegative: boolean;
}

/** Entries from a coarse grid make ties, duplicates and zeros likely; from floats, everything else. */
const entry = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((v) => v / 2),
  fc.float({ min: -4, max: 4, noNaN: true }).map((v) => (Math.abs(v) < 1e-6 ? 0 : v)),
);

const cases: fc.Arbitrary<Case> = fc
  .record({
    features: fc.integer({ min: 1, max: 40 }),
    dims: fc.integer({ min: 1, max: 20 }),
    samples: fc.integer({ min: 1, max: 4 }),
    fraction: fc.double({ min: 0.01, max: 1.5, noNaN: true }),
    nonnegative: fc.boolean(),
  })
  .chain(({ features, dims, samples, fraction, nonnegative }) =>
    fc
      .tuple(
        fc.array(entry, { minLength: features * dims, maxLength: features * dims }),
        fc.array(entry, { minLength: samples * dims, maxLength: samples * dims }),
      )
      .map(([d, x]) => ({
        atoms: { data: Float32Array.from(d), shape: [features, dims] as const },
        samples: { data: Float32Array.from(x), shape: [samples, dims] as const },
        fraction,
        nonnegative,
      })),
  );

function lambdaOf(c: Case, dictionary: Dictionary): Float64Array {
  return lambdaMax(c.samples, dictionary, { nonnegative: c.nonnegative }).map(
    (m) => c.fraction * (m > 0 ? m : 1),
  );
}

function check(property: (c: Case) => void): void {
  fc.assert(fc.property(cases, property), RUNS);
}

/** Problem i of a case, for the references. */
function problemOf(c: Case, lambda: ArrayLike<number>, i: number): LassoProblem {
  return {
    x: rowAt(toRows(c.samples), i),
    atoms: toRows(c.atoms),
    lambda: at(lambda, i),
    nonnegative: c.nonnegative,
  };
}

describe('every answer', () => {
  it.each(['lasso', 'fista'] as const)('%s holds its certificate', (method) => {
    check((c) => {
      const dictionary = Dictionary.from(c.atoms);
      const options = { method, lambda: lambdaOf(c, dictionary), nonnegative: c.nonnegative };
      checkConvex({ name: 'property', ...c }, options, unfoldSync(c.samples, dictionary, options));
    });
  });

  it('lasso meets its default tolerance wherever float32 scores can tell λ from zero', () => {
    check((c) => {
      const dictionary = Dictionary.from(c.atoms);
      const { nonnegative } = c;
      const lambda = lambdaOf(c, dictionary);
      const result = unfoldSync(c.samples, dictionary, { lambda, nonnegative });
      for (let i = 0; i < c.samples.shape[0]; i++) {
        const p = problemOf(c, lambda, i);
        // Codes rounded to float32 move the residual by 2⁻²⁴Σ|a_j|‖d_j‖, scores are off by (γ_dims + 2⁻²⁰)‖d‖‖r‖, and
        // the dual point scales by all that over λ: within 1% of λ there is nothing to hide behind.
        const code = denseRow(result.codes, i);
        const longest = Math.max(...p.atoms.map((a) => norm(a)));
        const size = p.atoms.reduce((sum, a, j) => sum + Math.abs(at(code, j)) * norm(a), norm(p.x));
        const blur = (gamma32(p.x.length) + 2 ** -20) * size * longest;
        if (p.lambda > 100 * blur) expect(at(result.status, i)).toBe(UnfoldStatus.converged);
      }
    });
  });

  it('is zero from λ_max on, and not below it', () => {
    check((c) => {
      const dictionary = Dictionary.from(c.atoms);
      const { nonnegative } = c;
      const maxima = lambdaMax(c.samples, dictionary, { nonnegative });
      const above = maxima.map((m) => Math.max(m * (1 + c.fraction * 1e-3), 1e-3));
      expect(unfoldSync(c.samples, dictionary, { lambda: above, nonnegative }).codes.indices.length).toBe(0);
      const below = unfoldSync(c.samples, dictionary, {
        lambda: maxima.map((m) => (m > 0 ? 0.5 * m : 1)),
        nonnegative,
        tolerance: 1e-6,
      });
      for (let i = 0; i < c.samples.shape[0]; i++) {
        // At λ = ½λ_max one atom alone lowers P by ⅛(λ_max/‖d‖)², far above a gap of 1e-6·½‖x‖² whenever its cosine
        // with x is above 1e-2.
        const p = problemOf(c, maxima, i);
        const clear = referenceLambdaMax(p) > 1e-2 * norm(p.x) * Math.max(...p.atoms.map((a) => norm(a)));
        if (clear) expect(below.codes.row(i).indices.length).toBeGreaterThan(0);
      }
    });
  });
});

describe('symmetries', () => {
  it('powers of two in x and λ scale the answer exactly', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: -20, max: 20 }), (c, exponent) => {
        const factor = 2 ** exponent;
        const dictionary = Dictionary.from(c.atoms);
        const lambda = lambdaOf(c, dictionary);
        const { nonnegative } = c;
        const a = unfoldSync(c.samples, dictionary, { lambda, nonnegative });
        const b = unfoldSync(
          { data: c.samples.data.map((v) => v * factor), shape: c.samples.shape },
          dictionary,
          { lambda: lambda.map((v) => v * factor), nonnegative },
        );
        expect(Array.from(b.codes.indices)).toEqual(Array.from(a.codes.indices));
        expect(Array.from(b.codes.values)).toEqual(Array.from(a.codes.values, (v) => v * factor));
        expect(Array.from(b.gap)).toEqual(Array.from(a.gap));
        expect(Array.from(b.objective)).toEqual(Array.from(a.objective, (v) => v * factor * factor));
      }),
      RUNS,
    );
  });

  it('any factor scales the objective within the gaps', () => {
    fc.assert(
      fc.property(cases, fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (c, factor) => {
        const dictionary = Dictionary.from(c.atoms);
        const lambda = lambdaOf(c, dictionary);
        const { nonnegative } = c;
        const a = unfoldSync(c.samples, dictionary, { lambda, nonnegative });
        const scaledSamples = { data: c.samples.data.map((v) => v * factor), shape: c.samples.shape };
        const b = unfoldSync(scaledSamples, dictionary, {
          lambda: lambda.map((v) => v * factor),
          nonnegative,
        });
        for (let i = 0; i < c.samples.shape[0]; i++) {
          const p = problemOf(c, lambda, i);
          const half = 0.5 * dot(p.x, p.x);
          // Rounding x to float32 after the factor moves P by at most 2·2⁻²⁴‖x‖².
          const bound = (Math.max(at(a.gap, i), at(b.gap, i)) + 4 * U32) * half;
          expect(Math.abs(at(b.objective, i) / factor ** 2 - at(a.objective, i))).toBeLessThanOrEqual(
            bound + 1e-12 * half,
          );
        }
      }),
      RUNS,
    );
  });

  it('the order of the atoms does not matter beyond the gaps', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 1000 }), (c, shift) => {
        const [features, dims] = c.atoms.shape;
        const order = Array.from({ length: features }, (_, j) => (j + shift) % features).reverse();
        const data = new Float32Array(features * dims);
        order.forEach((from, to) => {
          data.set(c.atoms.data.subarray(from * dims, (from + 1) * dims), to * dims);
        });
        const plain = Dictionary.from(c.atoms);
        const lambda = lambdaOf(c, plain);
        const { nonnegative } = c;
        const a = unfoldSync(c.samples, plain, { lambda, nonnegative });
        const b = unfoldSync(c.samples, Dictionary.from({ data, shape: c.atoms.shape }), {
          lambda,
          nonnegative,
        });
        for (let i = 0; i < c.samples.shape[0]; i++) {
          const p = problemOf(c, lambda, i);
          const code = denseRow(b.codes, i);
          const back = new Float64Array(features);
          order.forEach((from, to) => {
            back[from] = at(code, to);
          });
          const half = 0.5 * dot(p.x, p.x);
          const difference = Math.abs(objective(p, back) - objective(p, denseRow(a.codes, i)));
          expect(difference).toBeLessThanOrEqual(Math.max(at(a.gap, i), at(b.gap, i)) * half + 1e-12 * half);
        }
      }),
      RUNS,
    );
  });

  it('a change of sign in x changes the sign of the codes, and nothing else', () => {
    check((c) => {
      const dictionary = Dictionary.from(c.atoms);
      const lambda = lambdaOf({ ...c, nonnegative: false }, dictionary);
      const a = unfoldSync(c.samples, dictionary, { lambda });
      const b = unfoldSync({ data: c.samples.data.map((v) => -v), shape: c.samples.shape }, dictionary, {
        lambda,
      });
      expect(Array.from(b.codes.indices)).toEqual(Array.from(a.codes.indices));
      expect(Array.from(b.codes.values)).toEqual(Array.from(a.codes.values, (v) => -v));
      expect(Array.from(b.gap)).toEqual(Array.from(a.gap));
    });
  });

  it('nonnegative codes of [D; −D] are the signed codes of D, within the gaps', () => {
    check((c) => {
      const [features, dims] = c.atoms.shape;
      const dictionary = Dictionary.from(c.atoms);
      const lambda = lambdaOf({ ...c, nonnegative: false }, dictionary);
      const both = new Float32Array(2 * features * dims);
      both.set(c.atoms.data);
      both.set(
        c.atoms.data.map((v) => -v),
        features * dims,
      );
      const signed = unfoldSync(c.samples, dictionary, { lambda });
      const split = unfoldSync(c.samples, Dictionary.from({ data: both, shape: [2 * features, dims] }), {
        lambda,
        nonnegative: true,
      });
      signed.objective.forEach((value, i) => {
        const p = problemOf(c, lambda, i);
        const bound = (Math.max(at(signed.gap, i), at(split.gap, i)) + 1e-12) * 0.5 * dot(p.x, p.x);
        expect(Math.abs(value - at(split.objective, i))).toBeLessThanOrEqual(bound);
      });
    });
  });

  it('samples do not influence each other', () => {
    check((c) => {
      const dictionary = Dictionary.from(c.atoms);
      const lambda = lambdaOf(c, dictionary);
      const { nonnegative } = c;
      const dims = c.samples.shape[1];
      const all = unfoldSync(c.samples, dictionary, { lambda, nonnegative });
      const last = c.samples.shape[0] - 1;
      const alone = unfoldSync({ data: c.samples.data.slice(last * dims), shape: [1, dims] }, dictionary, {
        lambda: at(lambda, last),
        nonnegative,
      });
      expect(alone.codes.row(0).indices).toEqual(all.codes.row(last).indices);
      expect(alone.codes.row(0).values).toEqual(all.codes.row(last).values);
    });
  });
});

it('folding the codes gives x minus the residual', () => {
  check((c) => {
    const dictionary = Dictionary.from(c.atoms);
    const { nonnegative } = c;
    const result = unfoldSync(c.samples, dictionary, { lambda: lambdaOf(c, dictionary), nonnegative });
    const back = toRows(fold(result.codes, dictionary));
    toRows(c.samples).forEach((x, i) => {
      const r = x.map((v, k) => v - at(rowAt(back, i), k));
      // fold rounds each entry once to float32.
      expect(Math.abs(norm(r) - at(result.residual, i))).toBeLessThanOrEqual(
        4 * U32 * (norm(x) + norm(rowAt(back, i))),
      );
    });
  });
});

it('same call, same bits', () => {
  check((c) => {
    const dictionary = Dictionary.from(c.atoms);
    const options = { lambda: lambdaOf(c, dictionary), nonnegative: c.nonnegative };
    expectSame(
      unfoldSync(c.samples, dictionary, options),
      unfoldSync(c.samples, Dictionary.from(c.atoms), options),
    );
  });
});
