// Unrolled networks in use: codes of every kind against plain float64, and what they must not depend on.
import { describe, expect, it, test } from 'vitest';
import { certifySync, Dictionary, Lista, UnfoldStatus } from '../../lib/index.js';
import { U32, U64 } from '../reference/bounds.js';
import { dualPoint, objective } from '../reference/lasso.js';
import { unrolled } from '../reference/lista.js';
import { makeRandom } from '../reference/random.js';
import {
  bitsOf,
  KINDS,
  type Made,
  matrix,
  normals,
  parametersOf,
  plainOf,
  rowsOf,
  type Weights,
} from './lista-networks.js';

const WAYS: readonly [string, Made][] = [
  ['plain', {}],
  ['nonnegative', { nonnegative: true }],
  ['with support selection', { selection: 10 }],
  ['nonnegative, with support selection', { selection: 10, nonnegative: true }],
  ['with adaptive thresholds and selection', { selection: 10, adaptive: 0.25 }],
  ['at another scale, with an atom that is zero', { scale: 2 ** 5, zeroAtom: true }],
  ['of 1 dim', { dims: 1, features: 7 }],
  ['of 1 feature', { dims: 6, features: 1 }],
  ['of 67 features and 33 dims', { dims: 33, features: 67, layers: 2, selection: 4 }],
  ['with a ridge', { dims: 10, features: 23, ridge: 0.7 }],
];

describe('codes of every kind are those of a plain float64 loop, within the bound of their rounding', () => {
  const SAMPLES = 25;
  for (const weights of KINDS)
    for (const [way, made] of WAYS) {
      if (weights === 'hyper' && (made.adaptive !== undefined || made.features === 1)) continue;
      test(`${weights}, ${way}`, () => {
        const lista = Lista.from(parametersOf(7, weights, made));
        const { features, dims, layers } = lista;
        const x = matrix(normals(makeRandom(8), SAMPLES * dims, 1 / (made.scale ?? 1)), dims);
        const reference = unrolled(plainOf(lista));
        const expected = rowsOf(x).map((row) => reference(row));
        let compared = 0;
        let active = 0;
        for (let k = 1; k <= layers; k++) {
          const dense = lista.unfoldSync(x, { layers: k }).codes.toDense().data;
          for (let i = 0; i < SAMPLES; i++) {
            const { codes, error, open } = (expected[i] as (typeof expected)[0])[k - 1] as NonNullable<
              (typeof expected)[0][0]
            >;
            if (open) continue;
            compared++;
            for (let j = 0; j < features; j++) {
              const [got, right] = [dense[i * features + j] as number, codes[j] as number];
              if (right !== 0) active++;
              if (got === 0 || right === 0) expect(got, `sample ${i}, layer ${k}, feature ${j}`).toBe(right);
              else
                expect(Math.abs(got - right), `sample ${i}, layer ${k}, feature ${j}`).toBeLessThanOrEqual(
                  error[j] as number,
                );
            }
          }
        }
        expect(compared).toBeGreaterThanOrEqual(0.85 * SAMPLES * layers);
        expect(active).toBeGreaterThan(0);
      });
    }
});

describe('what codes do not depend on', () => {
  for (const weights of KINDS) {
    const lista = Lista.from(parametersOf(11, weights, { features: 90, dims: 20, selection: 5 }));
    const x = matrix(normals(makeRandom(12), 700 * 20), 20);

    test(`${weights}: the number of threads, and whether the call blocks`, async () => {
      const one = bitsOf(lista, x, 1, 0.3);
      expect(bitsOf(lista, x, 2, 0.3)).toEqual(one);
      expect(bitsOf(lista, x, 3, 0.3)).toEqual(one);
      const { codes, gap } = await lista.unfold(x, { threads: 3, lambda: 0.3 });
      expect([Array.from(codes.values), Array.from(gap)]).toEqual([one[2], one[3]]);
    });

    test(`${weights}: the other samples of the batch`, () => {
      const all = lista.unfoldSync(x).codes;
      for (const rows of [[0], [5, 699, 64, 64], [127, 3]]) {
        const picked = new Float32Array(rows.length * 20);
        rows.forEach((i, at) => {
          picked.set(x.data.subarray(i * 20, (i + 1) * 20), at * 20);
        });
        const { codes } = lista.unfoldSync(matrix(picked, 20));
        rows.forEach((i, at) => {
          expect(codes.row(at)).toEqual(all.row(i));
        });
      }
    });

    test.each([60, -60])(`${weights}: a power of two that samples and network share (2^%i)`, (exponent) => {
      const { scale: _, ...same } = parametersOf(11, weights, { features: 90, dims: 20, selection: 5 });
      const far = Lista.from({ ...same, scale: 2 ** -exponent });
      const moved = far.unfoldSync(
        matrix(
          x.data.map((value) => value * 2 ** exponent),
          20,
        ),
      ).codes;
      const near = lista.unfoldSync(x).codes;
      expect(Array.from(moved.indices)).toEqual(Array.from(near.indices));
      expect(Array.from(moved.values)).toEqual(Array.from(near.values, (value) => value * 2 ** exponent));
    });
  }

  test('there need be no samples', () => {
    const { codes, converged } = Lista.from(parametersOf(1, 'fixed')).unfoldSync(
      matrix(new Float32Array(0), 8),
    );
    expect([codes.shape, codes.indices.length, converged]).toEqual([[0, 20], 0, true]);
  });

  test('samples that are zero, and dictionaries of zeros, have no codes', () => {
    for (const weights of KINDS) {
      const { codes } = Lista.from(parametersOf(1, weights)).unfoldSync(matrix(new Float32Array(16), 8), {
        lambda: 1,
      });
      expect([codes.shape, codes.indices.length]).toEqual([[2, 20], 0]);
    }
    const nothing = matrix(new Float32Array(6), 2);
    const lista = Lista.from({ weights: 'fixed', dictionary: nothing, threshold: [0, 0] });
    expect(lista.unfoldSync(matrix(Float32Array.of(1, 2), 2)).codes.indices.length).toBe(0);
  });
});

describe('the threshold and support selection are strict', () => {
  const identity = matrix(
    Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)),
    4,
  );
  const run = (x: number[], percent: number, nonnegative = false): number[] =>
    Array.from(
      Lista.from({
        weights: 'fixed',
        dictionary: identity,
        threshold: [1],
        selection: [percent],
        nonnegative,
      })
        .unfoldSync(matrix(Float32Array.from(x), 4))
        .codes.toDense().data,
    );
  test.each([
    ['three tie for two places: none is selected', [3, -3, 3, 1], 50, [2, -2, 2, 0]],
    ['one goes before two that tie for one place', [4, -3, 3, 1], 50, [4, -2, 2, 0]],
    ['all find a place; what is at its threshold is no code', [4, -3, 3, 1], 75, [4, -3, 3, 0]],
    ['less than one place is none', [4, -3, 3, 1], 24, [3, -2, 2, 0]],
    ['25 % of four are one', [4, -3, 3, 1], 25, [4, -2, 2, 0]],
  ])('%s', (_, x, percent, expected) => {
    expect(run(x, percent)).toEqual(expected);
  });
  test('with nonnegative codes, what is negative takes no place', () => {
    expect(run([4, -9, 3, 1], 50, true)).toEqual([4, 0, 3, 0]);
  });
});

describe('figures of the codes', () => {
  const lista = Lista.from(parametersOf(21, 'fixed', { features: 40, dims: 15, layers: 8 }));
  const x = matrix(normals(makeRandom(22), 30 * 15), 15);
  const atoms = rowsOf(lista.parameters().dictionary);

  it('without λ are those of a pursuit', () => {
    const {
      codes,
      residual,
      objective: figure,
      norm,
      gap,
      status,
      iterations,
      converged,
    } = lista.unfoldSync(x);
    const dense = codes.toDense().data;
    rowsOf(x).forEach((row, i) => {
      const code = Float64Array.from(dense.subarray(i * 40, (i + 1) * 40));
      const right = objective({ x: row, atoms, lambda: 0 }, code);
      const size =
        Math.hypot(...row) +
        code.reduce((sum, a, j) => sum + Math.abs(a) * Math.hypot(...(atoms[j] as Float64Array)), 0);
      expect(Math.abs((figure[i] as number) - right)).toBeLessThanOrEqual(100 * U64 * size * size);
      expect(Math.abs((residual[i] as number) - Math.sqrt(2 * right))).toBeLessThanOrEqual(
        (U32 + 100 * U64) * size,
      );
      expect(Math.abs((norm[i] as number) - Math.hypot(...row))).toBeLessThanOrEqual(20 * U64 * size);
    });
    expect(gap.every(Number.isNaN)).toBe(true);
    expect(status.every((value) => value === UnfoldStatus.iterationLimit)).toBe(true);
    expect([new Set(iterations), converged]).toEqual([new Set([8]), false]);
  });

  it('with λ are those of the LASSO, and bound it', () => {
    const lambda = Float64Array.from({ length: 30 }, (_, i) => 0.05 * (i + 1));
    const { codes, objective: figure, gap } = lista.unfoldSync(x, { lambda });
    const dense = codes.toDense().data;
    const proved = certifySync(x, codes, lista.dictionary(), { lambda }).gap;
    rowsOf(x).forEach((row, i) => {
      const problem = { x: row, atoms, lambda: lambda[i] as number };
      const code = Float64Array.from(dense.subarray(i * 40, (i + 1) * 40));
      const primal = objective(problem, code);
      expect((figure[i] as number) / primal).toBeCloseTo(1, 10);
      const right =
        (primal - dualPoint(problem, code).value) / (0.5 * row.reduce((sum, v) => sum + v * v, 0));
      // The residual that the dual point is a multiple of is rounded to float32, and scores of it are bounded.
      expect(Math.abs((gap[i] as number) - right)).toBeLessThanOrEqual(1e-4 * right + 1e-6);
      expect(gap[i] as number).toBeLessThanOrEqual((proved[i] as number) * 1.001 + 1e-6);
    });
    expect(
      Lista.from(parametersOf(21, 'fixed')).unfoldSync(matrix(new Float32Array(8), 8), { lambda: 1 }).gap[0],
    ).toBe(0);
  });

  it('say converged where the gap is small enough, and only there', () => {
    const tolerance = lista.unfoldSync(x, { lambda: 1 }).gap.slice().sort()[15] as number;
    const { gap, status } = lista.unfoldSync(x, { lambda: 1, tolerance });
    expect(new Set(status).size).toBe(2);
    gap.forEach((value, i) => {
      expect(status[i]).toBe(value <= tolerance ? UnfoldStatus.converged : UnfoldStatus.iterationLimit);
    });
  });

  it('take λ from training, where there was one', () => {
    const { weights, layers, dictionary } = lista.parameters();
    const trained = Lista.adopt(
      {
        ...{ weights, layers, features: 40, dims: 15, scale: 1, adaptive: 0, nonnegative: false },
        dictionary: dictionary.data,
        forward: lista.parameters().forward[0]?.data as Float32Array,
        recurrent: new Float32Array(0),
        step: new Float32Array(8).fill(1),
        threshold: new Float32Array(8).fill(0.5),
        selection: new Float32Array(8),
        hyper: new Float64Array(0),
        ridge: 0,
      },
      {
        ...{ variant: 'alista', schedule: 'endToEnd', lambda: 0.25, steps: 1, samples: 1, seed: 0, loss: 0 },
        ...{ gradientNorm: 0, layers: new Float64Array(8), notes: [] },
      },
    );
    expect(trained.unfoldSync(x).gap).toEqual(trained.unfoldSync(x, { lambda: 0.25 }).gap);
    expect(trained.unfoldSync(x, { lambda: 0.5 }).gap).not.toEqual(trained.unfoldSync(x).gap);
  });
});

describe('parameters', () => {
  test.each(KINDS)('%s: come back as they were given, and make the same network', (weights) => {
    const lista = Lista.from(parametersOf(41, weights, { selection: 5 }));
    const x = matrix(normals(makeRandom(42), 50 * 8), 8);
    const again = Lista.from(lista.parameters());
    expect(again.parameters()).toEqual(lista.parameters());
    expect(bitsOf(again, x)).toEqual(bitsOf(lista, x));
    expect(again.dictionary().toMatrix()).toEqual(lista.parameters().dictionary);
  });
  test('tell which of the published networks it is', () => {
    const variant = (weights: Weights, made?: Made) => Lista.from(parametersOf(1, weights, made)).variant;
    expect([
      variant('pair'),
      variant('layers'),
      variant('layers', { selection: 1 }),
      variant('shared'),
      variant('fixed'),
      variant('fixed', { adaptive: 0.1 }),
      variant('hyper'),
    ]).toEqual(['lista', 'lista-cp', 'lista-cpss', 'tilista', 'alista', 'alista-at', 'hyperlista']);
    expect(Dictionary.from(parametersOf(1, 'fixed').dictionary).features).toBe(20);
  });
});
