// Certificates against exact rational arithmetic on small integer problems (full of ties and dependent atoms), and against the
// float64 references on the standard problems.
import { describe, expect, it } from 'vitest';
import {
  type Certification,
  certify,
  certifySync,
  Dictionary,
  SparseCodes,
  unfoldSync,
} from '../../lib/index.js';
import { dualPoint, lambdaMax, objective, solveLasso } from '../reference/lasso.js';
import { dot, toMatrix, toRows } from '../reference/linear.js';
import { gaussian, standardProblems } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { type Fraction, fraction, less, minus, plus, solve, times } from '../reference/rational.js';

const first = <T>(values: ArrayLike<T>): T => values[0] as T;

function single(entries: readonly (readonly [number, number])[], features: number): SparseCodes {
  return SparseCodes.from({
    indptr: Uint32Array.of(0, entries.length),
    indices: Uint32Array.from(entries, ([j]) => j),
    values: Float32Array.from(entries, ([, value]) => value),
    shape: [1, features],
  });
}

const zero = fraction(0);
const absolute = (a: Fraction): Fraction => (less(a, zero) ? minus(zero, a) : a);
const inner = (a: readonly Fraction[], b: readonly Fraction[]): Fraction =>
  a.reduce((sum, value, k) => plus(sum, times(value, b[k] as Fraction)), zero);

interface Truth {
  readonly code: Fraction[] | undefined;
  readonly proved: boolean;
  readonly fuchs: Fraction;
}

/** The support certificate of REFERENCE §1 in rational arithmetic. */
function truth(
  atoms: number[][],
  x: number[],
  support: number[],
  signs: number[],
  lambda: number,
  nonnegative: boolean,
): Truth {
  const rows = atoms.map((atom) => atom.map(fraction));
  const target = x.map(fraction);
  const active = support.map((j) => rows[j] as Fraction[]);
  const gram = active.map((a) => active.map((b) => inner(a, b)));
  const s = signs.map(fraction);
  const code = solve(
    gram,
    active.map((a, i) => minus(inner(a, target), times(fraction(lambda), s[i] as Fraction))),
  );
  const b = solve(gram, s);
  if (code === undefined || b === undefined) return { code: undefined, proved: false, fuchs: zero };
  const folded = (c: Fraction[]): Fraction[] =>
    target.map((_, k) =>
      active.reduce((sum, a, i) => plus(sum, times(c[i] as Fraction, a[k] as Fraction)), zero),
    );
  const residual = folded(code).map((v, k) => minus(target[k] as Fraction, v));
  const p = folded(b);
  let fuchs = zero;
  let proved = code.every((value, i) => less(zero, times(value, s[i] as Fraction)));
  rows.forEach((row, j) => {
    if (support.includes(j)) return;
    const size = (v: Fraction): Fraction => (nonnegative ? v : absolute(v));
    proved = proved && less(size(inner(row, residual)), fraction(lambda));
    const f = size(inner(row, p));
    if (less(fuchs, f)) fuchs = f;
  });
  return { code, proved, fuchs };
}

it.each([false, true])(
  'agrees with rational arithmetic, ties and dependent atoms included (nonnegative: %s)',
  (nonnegative) => {
    const random = makeRandom(nonnegative ? 7 : 6);
    const counts = { exact: 0, refused: 0 };
    for (let turn = 0; turn < 1500; turn++) {
      const [features, dims, active] = [5, 3, 1 + random.below(3)];
      const atoms = Array.from({ length: features }, () =>
        Array.from({ length: dims }, () => random.below(7) - 3),
      );
      const support = random.choose(active, features).sort((a, b) => a - b);
      const signs = support.map(() => (nonnegative ? 1 : random.sign()));
      // x is made so that the support is often right: x = aD + a residual with d_j·r near λs_j.
      const x = Array.from({ length: dims }, (_, k) =>
        support.reduce(
          (sum, j, i) => sum + 2 * (signs[i] as number) * ((atoms[j] as number[])[k] as number),
          0,
        ),
      );
      const lambda = 1 + random.below(2);
      const expected = truth(atoms, x, support, signs, lambda, nonnegative);
      const dictionary = Dictionary.from(toMatrix(atoms));
      const codes = single(
        support.map((j, i) => [
          j,
          (signs[i] as number) *
            Math.max(
              1 / 64,
              Math.abs(expected.code?.[i] ? Number(expected.code[i].n) / Number(expected.code[i].d) : 1),
            ),
        ]),
        features,
      );
      const result = certifySync(toMatrix([x]), codes, dictionary, { lambda, nonnegative });
      if (expected.proved) {
        counts.exact++;
        expect(result.verdict).toEqual(['exact']);
        expect(first(result.unique)).toBe(1);
        const exactFuchs = Number(expected.fuchs.n) / Number(expected.fuchs.d);
        expect(first(result.fuchs)).toBeGreaterThanOrEqual(exactFuchs * (1 - 1e-15));
        expect(first(result.fuchs)).toBeLessThanOrEqual(exactFuchs + 1e-9 * (1 + exactFuchs));
      } else {
        counts.refused++;
        expect(result.verdict).not.toContain('exact');
        expect(first(result.unique)).toBe(0);
        if (expected.code === undefined) expect(first(result.eigenvalue)).toBe(0);
      }
    }
    expect(counts.exact).toBeGreaterThan(100);
    expect(counts.refused).toBeGreaterThan(100);
  },
);

describe('on the bound', () => {
  it('an atom off the support with |d·r| = λ is never exact, just below is', () => {
    const x = toMatrix([[3, 1]]);
    const judge = (second: number): Certification =>
      certifySync(
        x,
        single([[0, 2]], 2),
        Dictionary.from(
          toMatrix([
            [1, 0],
            [0, second],
          ]),
        ),
        { lambda: 1 },
      );
    for (const second of [1, -1]) expect(judge(second).verdict).toEqual(['bounded']);
    expect(first(judge(1).unique)).toBe(0);
    expect(first(judge(1).correlation)).toBe(1);
    expect(judge(1 - 2 ** -24).verdict).toEqual(['exact']);
    expect(judge(1 - 2 ** -24).unique[0]).toBe(1);
  });

  it('copies of an active atom: bounded, not unique, on and off the support', () => {
    const dictionary = Dictionary.from(
      toMatrix([
        [0.6, 0.8],
        [0.6, 0.8],
      ]),
    );
    const x = toMatrix([[0.6, 0.8]]);
    for (const entries of [
      [[0, 0.9]],
      [
        [0, 0.4],
        [1, 0.5],
      ],
    ] as [number, number][][]) {
      const result = certifySync(x, single(entries, 2), dictionary, { lambda: 0.1 });
      expect(result.verdict).toEqual(['bounded']);
      expect(first(result.unique)).toBe(0);
      // With a ridge the minimiser is unique: the half each.
      expect(first(certifySync(x, single(entries, 2), dictionary, { lambda: 0.1, ridge: 0.5 }).unique)).toBe(
        1,
      );
    }
  });

  it('a support larger than dims, a code with a wrong sign, a zero sample', () => {
    const dictionary = Dictionary.from(
      toMatrix([
        [1, 0],
        [0, 1],
        [0.6, 0.8],
      ]),
    );
    const crowded = certifySync(
      toMatrix([[2, 2]]),
      single(
        [
          [0, 1],
          [1, 1],
          [2, 0.1],
        ],
        3,
      ),
      dictionary,
      { lambda: 0.1 },
    );
    expect(crowded.verdict).not.toContain('exact');
    expect(first(crowded.fuchs)).toBeNaN();
    const wrong = certifySync(toMatrix([[2, 0]]), single([[0, -1.9]], 3), dictionary, { lambda: 0.1 });
    expect(wrong.verdict).toEqual(['none']);
    const infeasible = certifySync(toMatrix([[-2, 0]]), single([[0, -1.9]], 3), dictionary, {
      lambda: 0.1,
      nonnegative: true,
    });
    expect([infeasible.verdict, first(infeasible.gap)]).toEqual([['none'], Number.POSITIVE_INFINITY]);
    const silent = certifySync(toMatrix([[0, 0]]), single([], 3), dictionary, { lambda: 0.1 });
    expect([silent.verdict, first(silent.gap), first(silent.unique)]).toEqual([['exact'], 0, 1]);
    const loud = certifySync(toMatrix([[0, 0]]), single([[1, 1e-20]], 3), dictionary, { lambda: 0.1 });
    expect(loud.verdict).toEqual(['none']);
  });
});

describe.each([{}, { ridge: 0.05 }, { nonnegative: true }, { weighted: true }])(
  '%o: the gap is a bound',
  (kind) => {
    const nonnegative = 'nonnegative' in kind;
    const ridge = 'ridge' in kind ? kind.ridge : 0;
    it.each(standardProblems(nonnegative))('$name', (problem) => {
      const { atoms, samples } = problem;
      const dictionary = Dictionary.from(atoms);
      const [features] = atoms.shape;
      const random = makeRandom(5);
      const weights =
        'weighted' in kind
          ? Float32Array.from({ length: features }, () => 0.5 + random.uniform())
          : undefined;
      const rows = toRows(atoms);
      const xs = toRows(samples);
      const lambda = xs.map((x) => 0.2 * lambdaMax({ x, atoms: rows, weights, nonnegative }) || 1);
      const options = { lambda, ridge, nonnegative, ...(weights ? { weights } : {}) };
      const { codes } = unfoldSync(samples, dictionary, { ...options, tolerance: 1e-6, maxIterations: 50 });
      for (const factor of [1, 1.001, 1.5]) {
        const scaled = SparseCodes.from({
          ...codes,
          shape: codes.shape,
          values: codes.values.map((v) => v * factor),
        });
        const result = certifySync(samples, scaled, dictionary, options);
        const dense = toRows(scaled.toDense());
        xs.forEach((x, i) => {
          const p = { x, atoms: rows, lambda: lambda[i] as number, ridge, weights, nonnegative };
          const half = 0.5 * dot(x, x);
          if (half === 0) return;
          const gap = result.gap[i] as number;
          const own =
            (objective(p, dense[i] as Float64Array) - dualPoint(p, dense[i] as Float64Array).value) / half;
          // The same bound, plus roundings of sums of at most 200 terms of size P or ½‖x‖².
          expect(gap).toBeGreaterThanOrEqual(own - 1e-12);
          expect(gap).toBeLessThanOrEqual(own * (1 + 1e-6) + 1e-9);
          expect(result.verdict[i] === 'none').toBe(!(gap <= 1e-4));
          if (result.verdict[i] !== 'exact' || factor !== 1) return;
          const reference = solveLasso(p, dense[i]);
          expect(Math.abs((result.polished[i] as number) - reference.objective)).toBeLessThan(1e-9 * half);
        });
      }
    });
  },
);

it('most codes of a generic problem are exact, and error bounds how far they are from the minimiser', () => {
  const problem = gaussian(9, { features: 200, dims: 40, samples: 30, active: 4 });
  const dictionary = Dictionary.from(problem.atoms);
  const { codes } = unfoldSync(problem.samples, dictionary, { lambda: 0.3, tolerance: 1e-7 });
  const result = certifySync(problem.samples, codes, dictionary, { lambda: 0.3 });
  const exact = result.verdict.filter((verdict) => verdict === 'exact').length;
  expect(exact).toBeGreaterThan(20);
  const atoms = toRows(problem.atoms);
  toRows(problem.samples).forEach((x, i) => {
    if (result.verdict[i] !== 'exact') return;
    const { code } = solveLasso({ x, atoms, lambda: 0.3 });
    const dense = new Float64Array(200);
    const row = codes.row(i);
    row.indices.forEach((j, k) => {
      dense[j] = row.values[k] as number;
    });
    const distance = code.reduce(
      (most, value, j) => Math.max(most, Math.abs(value - (dense[j] as number))),
      0,
    );
    expect(distance).toBeLessThanOrEqual((result.error[i] as number) + 1e-6); // the reference's own error
    expect(result.error[i]).toBeLessThan(1e-2);
  });
  // A support that lacks its weakest entry is not the minimiser's.
  const row = codes.row(0);
  let weakest = 0;
  row.values.forEach((value, k) => {
    if (Math.abs(value) < Math.abs(row.values[weakest] as number)) weakest = k;
  });
  const entries = [...row.indices]
    .map((j, k) => [j, row.values[k] as number] as const)
    .filter((_, k) => k !== weakest);
  const x = { data: problem.samples.data.subarray(0, 40), shape: [1, 40] as const };
  const lacking = certifySync(x, single(entries, 200), dictionary, { lambda: 0.3 });
  expect(lacking.verdict).not.toContain('exact');
  expect(first(lacking.worst)).toBe(row.indices[weakest]);
  expect(first(lacking.correlation)).toBeGreaterThan(1);
});

describe('calls', () => {
  const problem = gaussian(10, { features: 300, dims: 24, samples: 301, active: 3 });
  const dictionary = Dictionary.from(problem.atoms);
  const { codes } = unfoldSync(problem.samples, dictionary, { lambda: 0.3 });

  it('any number of threads, sync or not, answers the same bits', async () => {
    const one = certifySync(problem.samples, codes, dictionary, { lambda: 0.3, threads: 1 });
    expect(certifySync(problem.samples, codes, dictionary, { lambda: 0.3, threads: 3 })).toEqual(one);
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }): number => seen.push(done);
    expect(
      await certify(problem.samples, codes, dictionary, { lambda: 0.3, threads: 2, onProgress }),
    ).toEqual(one);
    expect(seen.at(-1)).toBe(301);
  });

  it('refuses what does not fit, and stops when aborted', async () => {
    const refused = (change: object): unknown => {
      try {
        certifySync(problem.samples, { ...codes, shape: codes.shape, ...change } as SparseCodes, dictionary, {
          lambda: 0.3,
        });
      } catch (error) {
        return (error as { code: string }).code;
      }
      return undefined;
    };
    expect(refused({ values: codes.values.map(() => Number.NaN) })).toBe('ERR_NOT_FINITE');
    expect(refused({ indices: codes.indices.map(() => 5000) })).toBe('ERR_SHAPE');
    expect(refused({ shape: [300, 300] })).toBe('ERR_SHAPE');
    expect(() => certifySync(problem.samples, codes, dictionary, { lambda: 0 })).toThrow('lambda');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(certify(problem.samples, codes, dictionary, { lambda: 0.3, signal })).rejects.toThrow(
      'enough',
    );
  });
});
