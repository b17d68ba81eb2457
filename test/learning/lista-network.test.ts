// Unrolled networks in use: codes of every kind against plain float64, and what they must not depend on.
import { describe, expect, it, test } from 'vitest';
import {
  certifySync,
  Dictionary,
  Lista,
  type ListaParametersLike,
  type Matrix,
  UnfoldStatus,
} from '../../lib/index.js';
import { U32, U64 } from '../reference/bounds.js';
import { dualPoint, objective } from '../reference/lasso.js';
import { inverseGram, type PlainLista, unrolled } from '../reference/lista.js';
import { makeRandom, type Random } from '../reference/random.js';

const normals = (random: Random, count: number, size = 1): Float32Array =>
  Float32Array.from({ length: count }, () => size * random.normal());
const matrix = (data: Float32Array, cols: number): Matrix<Float32Array> => ({
  data,
  shape: [cols === 0 ? 0 : data.length / cols, cols],
});
const rowsOf = ({ data, shape: [rows, cols] }: Matrix<Float32Array>): Float64Array[] =>
  Array.from({ length: rows }, (_, i) => Float64Array.from(data.subarray(i * cols, (i + 1) * cols)));

type Weights = PlainLista['weights'];
const KINDS: readonly Weights[] = ['pair', 'layers', 'shared', 'fixed', 'hyper'];

interface Made {
  readonly features?: number;
  readonly dims?: number;
  readonly layers?: number;
  readonly selection?: number;
  readonly adaptive?: number;
  readonly ridge?: number;
  readonly nonnegative?: boolean;
  readonly scale?: number;
  readonly zeroAtom?: boolean;
}

/** Parameters of samples whose entries are about 1/scale. */
function parametersOf(seed: number, weights: Weights, made: Made = {}): ListaParametersLike {
  const { features = 20, dims = 8, layers = 3, selection = 0, adaptive = 0 } = made;
  const { nonnegative = false, scale = 1, ridge = 0 } = made;
  const random = makeRandom(seed);
  const dictionary = matrix(normals(random, features * dims, 2), dims);
  if (made.zeroAtom) dictionary.data.fill(0, dims, 2 * dims);
  const shared = { weights, dictionary, nonnegative, scale };
  if (weights === 'hyper') return { ...shared, weights, layers, hyper: [0.05, 5e-3, 0.7], ridge };
  const learned = (count: number): Matrix<Float32Array>[] =>
    Array.from({ length: count }, () => matrix(normals(random, features * dims, 1 / Math.sqrt(dims)), dims));
  return {
    ...shared,
    ...(weights !== 'fixed' && { forward: learned(weights === 'shared' ? 1 : layers) }),
    ...(weights === 'pair' && {
      recurrent: Array.from({ length: layers }, () =>
        matrix(normals(random, features * features, 0.2), features),
      ),
    }),
    ...(weights !== 'pair' && { step: Float32Array.from({ length: layers }, (_, k) => 0.8 + 0.1 * k) }),
    threshold: Float32Array.from({ length: layers }, (_, k) => 0.5 / (k + 1)),
    selection: Float32Array.from({ length: layers }, (_, k) => selection * (k + 1)),
    adaptive,
    ...(weights === 'fixed' && { ridge }),
  } as unknown as ListaParametersLike;
}

function plainOf(lista: Lista): PlainLista {
  const p = lista.parameters();
  return {
    ...{ weights: p.weights, layers: p.layers, features: lista.features, dims: lista.dims },
    dictionary: p.dictionary.data,
    forward: p.forward.map(({ data }) => data),
    recurrent: (p.recurrent ?? []).map(({ data }) => data),
    ...{ step: p.step ?? [], threshold: p.threshold ?? [], selection: p.selection ?? [] },
    ...{
      hyper: p.hyper ?? [],
      ridge: p.ridge ?? 0,
      adaptive: p.adaptive,
      scale: p.scale,
      nonnegative: p.nonnegative,
    },
  };
}

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

const bitsOf = (lista: Lista, x: Matrix<Float32Array>, threads = 1, lambda?: number) => {
  const { codes, gap, objective: figure, residual, status, norm } = lista.unfoldSync(x, { threads, lambda });
  return [codes.indptr, codes.indices, codes.values, gap, figure, residual, status, norm].map((values) =>
    Array.from(values),
  );
};

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

describe('analytic weights', () => {
  const dotsOf = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, v, d) => sum + v * (b[d] as number), 0);
  const unit = (row: Float64Array): Float64Array => {
    const size = Math.hypot(...row);
    return size > 0 ? row.map((v) => v / size) : row;
  };
  const weightsOf = (dictionary: Matrix<Float32Array>, ridge?: number): Float64Array[] =>
    rowsOf(
      Lista.from({ weights: 'fixed', dictionary, threshold: [0], ridge }).parameters()
        .forward[0] as Matrix<Float32Array>,
    );

  it('have w·d = 1, less coherence than the dictionary, and the least Σ(w·d)²', () => {
    const [n, m] = [60, 30];
    const dictionary = matrix(normals(makeRandom(3), n * m, 5), m);
    const atoms = rowsOf(dictionary).map(unit);
    const weights = weightsOf(dictionary);
    const s = inverseGram(Float64Array.from(atoms.flatMap((row) => [...row])), n, m);
    let coherence = 0;
    let crossed = 0;
    for (let i = 0; i < n; i++) {
      const [w, atom] = [weights[i] as Float64Array, atoms[i] as Float64Array];
      const image = atom.map((_, a) => atom.reduce((sum, v, b) => sum + (s[a * m + b] as number) * v, 0));
      const share = dotsOf(image, atom);
      const size = Math.hypot(...w);
      w.forEach((value, d) => {
        expect(Math.abs(value - (image[d] as number) / share)).toBeLessThanOrEqual((U32 + 1e-10) * size);
      });
      expect(Math.abs(dotsOf(w, atom) - 1)).toBeLessThanOrEqual(U32 * size + 1e-12);
      for (let j = 0; j < n; j++) {
        if (i === j) continue;
        coherence = Math.max(coherence, Math.abs(dotsOf(atom, atoms[j] as Float64Array)));
        crossed = Math.max(crossed, Math.abs(dotsOf(w, atoms[j] as Float64Array)));
      }
    }
    expect(crossed).toBeLessThan(coherence);
  });

  // By another identity: (D̂ᵀD̂ + αI)⁻¹D̂ᵀ = D̂ᵀ(D̂D̂ᵀ + αI)⁻¹, features × features.
  it.each([
    [40, 18, 1e-3],
    [40, 18, 0.3],
    [40, 18, 1e6],
    [11, 19, 0.7],
    [1, 1, 2],
  ])('of %i features and %i dims with a ridge of %f are those of the ridge problem', (n, m, ridge) => {
    const dictionary = matrix(normals(makeRandom(6), n * m, 5), m);
    if (n > 2) dictionary.data.fill(0, m, 2 * m);
    const atoms = rowsOf(dictionary).map(unit);
    const across = Float64Array.from({ length: m * n }, (_, i) => {
      return (atoms[i % n] as Float64Array)[Math.floor(i / n)] as number;
    });
    const s = inverseGram(across, m, n, ridge);
    weightsOf(dictionary, ridge).forEach((w, j) => {
      const atom = atoms[j] as Float64Array;
      const image = atom.map((_, d) =>
        atoms.reduce((sum, one, i) => sum + (s[i * n + j] as number) * (one[d] as number), 0),
      );
      if (n > 2 && j === 1) {
        expect([...w]).toEqual(Array.from({ length: m }, () => 0));
        return;
      }
      const size = Math.hypot(...w);
      // The condition is at most n/α; both ways lose that many units of float64.
      const lost = 100 * n * (1 + n / ridge) * U64;
      w.forEach((value, d) => {
        const right = (image[d] as number) / dotsOf(image, atom);
        expect(Math.abs(value - right)).toBeLessThanOrEqual((U32 + lost) * size);
      });
      expect(Math.abs(dotsOf(w, atom) - 1)).toBeLessThanOrEqual((U32 + lost) * size);
    });
  });

  it('with a ridge have smaller norms and more coherence, and with a huge one are the atoms', () => {
    const dictionary = matrix(normals(makeRandom(3), 60 * 30, 5), 30);
    const atoms = rowsOf(dictionary).map(unit);
    const figures = [0, 0.1, 1, 10].map((ridge) => {
      const weights = weightsOf(dictionary, ridge);
      const crossed = weights.flatMap((w) => atoms.map((atom) => dotsOf(w, atom) ** 2));
      return [
        weights.reduce((sum, w) => sum + dotsOf(w, w), 0),
        crossed.reduce((sum, value) => sum + value, 0),
      ] as const;
    });
    for (let i = 1; i < figures.length; i++) {
      expect(figures[i]?.[0]).toBeLessThan(figures[i - 1]?.[0] as number);
      expect(figures[i]?.[1]).toBeGreaterThan(figures[i - 1]?.[1] as number);
    }
    for (const ridge of [1e12, 1e300, Number.MAX_VALUE])
      weightsOf(dictionary, ridge).forEach((w, j) => {
        for (let d = 0; d < 30; d++)
          expect(Math.abs((w[d] as number) - ((atoms[j] as Float64Array)[d] as number))).toBeLessThan(
            2 * U32,
          );
      });
  });

  it('without a ridge, and with one that float64 does not see, are the same bits', () => {
    const dictionary = matrix(normals(makeRandom(3), 60 * 30, 5), 30);
    expect(weightsOf(dictionary, 0)).toEqual(weightsOf(dictionary));
    expect(weightsOf(dictionary, 1e-300)).toEqual(weightsOf(dictionary));
    // Atoms that do not span all dims: then α is all that there is beside the span.
    const few = matrix(normals(makeRandom(3), 5 * 30, 5), 30);
    expect(weightsOf(few, 1e-300)).toEqual(weightsOf(few));
  });

  it('are found on the span of atoms that do not have all dims', () => {
    // In the span of 4 dims, turned by a rotation of two dims at a time; one atom is zero.
    const [n, m] = [9, 10];
    const small = matrix(normals(makeRandom(4), n * 4), 4);
    small.data.fill(0, 0, 4);
    const dictionary = matrix(new Float32Array(n * m), m);
    rowsOf(small).forEach((row, i) => {
      row.forEach((value, d) => {
        dictionary.data[i * m + 2 * d] = 0.6 * value;
        dictionary.data[i * m + 2 * d + 1] = 0.8 * value;
      });
    });
    const weights = weightsOf(dictionary);
    const expected = weightsOf(small);
    expected.forEach((row, i) => {
      const w = weights[i] as Float64Array;
      const size = Math.hypot(...row);
      for (let d = 0; d < m; d++) {
        const right = d < 8 ? (row[d >> 1] as number) * (d % 2 === 0 ? 0.6 : 0.8) : 0;
        // Atoms are rounded once more, and the weights grow that by the condition of the atoms, some tens here.
        expect(Math.abs((w[d] as number) - right)).toBeLessThanOrEqual(200 * U32 * size);
      }
    });
    expect([...(weights[0] as Float64Array)]).toEqual(Array.from({ length: m }, () => 0));
  });

  it('of independent atoms are their dual basis', () => {
    const dictionary = matrix(normals(makeRandom(5), 3 * 8), 8);
    const atoms = rowsOf(dictionary).map(unit);
    weightsOf(dictionary).forEach((w, i) => {
      atoms.forEach((atom, j) => {
        expect(Math.abs(dotsOf(w, atom) - (i === j ? 1 : 0))).toBeLessThanOrEqual(2 * U32 * Math.hypot(...w));
      });
    });
  });
});

describe('what is refused', () => {
  const good = parametersOf(31, 'layers');
  const wrong =
    (change: object): (() => unknown) =>
    () =>
      Lista.from({ ...good, ...change } as ListaParametersLike);
  const dictionary = good.dictionary;
  test.each([
    [
      'ERR_OPTION',
      { weights: 'other' },
      'weights must be one of pair, layers, shared, fixed, hyper, got "other"',
    ],
    ['ERR_OPTION', { layers: 0 }, 'layers must be an integer between 1 and 1000, got 0'],
    ['ERR_OPTION', { threshold: undefined }, 'threshold must be one number a layer, got undefined'],
    ['ERR_OPTION', { threshold: [1, -1, 1] }, 'threshold[1] must be ≥ 0, got -1'],
    ['ERR_OPTION', { threshold: 1 }, 'threshold must be an array of numbers, one a layer, got 1'],
    ['ERR_SHAPE', { step: [1] }, 'step must have one entry a layer (3), got 1'],
    ['ERR_NOT_FINITE', { step: [1, Number.NaN, 1] }, 'step holds NaN or Infinity'],
    ['ERR_OPTION', { selection: [101, 0, 0] }, 'selection[0] must be a percentage in [0, 100], got 101'],
    ['ERR_OPTION', { scale: 3 }, 'scale must be a power of two, got 3'],
    ['ERR_OPTION', { scale: '2' }, 'scale must be a power of two, got "2"'],
    ['ERR_OPTION', { scale: 0 }, 'scale must be a power of two, got 0'],
    ['ERR_OPTION', { adaptive: -1 }, 'adaptive must be a finite number ≥ 0, got -1'],
    ['ERR_OPTION', { ridge: 1 }, 'ridge is an option of weights fixed and hyper, not of weights layers'],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: [good.dictionary], ridge: 1 },
      'ridge is an option of analytic weights, not of weights that are given (forward)',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: -1 },
      'ridge must be a finite number ≥ 0, got -1',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: Number.POSITIVE_INFINITY },
      'ridge must be a finite number ≥ 0, got Infinity',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: null },
      'ridge must be a finite number ≥ 0, got null',
    ],
    ['ERR_OPTION', { recurrent: [] }, 'recurrent is an option of weights pair, not of weights layers'],
    ['ERR_OPTION', { hyper: [1, 1, 1] }, 'hyper is an option of weights hyper, not of weights layers'],
    ['ERR_SHAPE', { forward: [dictionary] }, 'forward must hold 3 matrices, got 1'],
    [
      'ERR_DTYPE',
      { forward: dictionary },
      'forward must be an array of matrices, got a matrix { data, shape }',
    ],
    [
      'ERR_SHAPE',
      { forward: [dictionary, dictionary, matrix(new Float32Array(8), 8)] },
      'forward[2] must have the shape [20, 8], got [1, 8]',
    ],
    [
      'ERR_SHAPE',
      { dictionary: matrix(new Float32Array(0), 8) },
      'dictionary must have at least one feature and one dim, got [0, 8]',
    ],
    ['ERR_DTYPE', { forward: undefined }, 'forward must be an array of matrices, got undefined'],
  ] as const)('%s: $2', (code, change, message) => {
    expect(wrong(change)).toThrow(expect.objectContaining({ code, message }));
  });

  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'an array of 0'],
    [3, '3'],
  ])('%s in place of parameters', (parameters, got) => {
    expect(() => Lista.from(parameters as never)).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE', message: `parameters must be an object, got ${got}` }),
    );
  });

  test('every power of two is a scale', () => {
    for (let exponent = -1074; exponent < 1024; exponent++) {
      const scale = exponent < -1022 ? 2 ** -1022 * 2 ** (exponent + 1022) : 2 ** exponent;
      expect(Lista.from({ ...good, scale }).parameters().scale).toBe(scale);
    }
  });

  test('numbers that hyper networks do not have', () => {
    const hyper = parametersOf(31, 'hyper');
    const from = (change: object) => Lista.from({ ...hyper, ...change } as ListaParametersLike);
    expect(() => from({ layers: undefined })).toThrow(
      'layers must be an integer between 1 and 1000 with weights hyper, got undefined',
    );
    expect(() => from({ hyper: [1, 2] })).toThrow('hyper must be three finite numbers, got an array of 2');
    expect(() => from({ threshold: [1] })).toThrow(
      'threshold is an option of weights with numbers of each layer, not of weights hyper',
    );
  });

  test('calls that do not fit the network', async () => {
    const lista = Lista.from(good);
    const x = matrix(new Float32Array(16), 8);
    const refused = async (call: () => unknown, code: string, message: string): Promise<void> => {
      await expect((async () => call())()).rejects.toMatchObject({ code, message });
    };
    await refused(
      () => lista.unfoldSync(x, { layers: 4 }),
      'ERR_OPTION',
      'layers must be an integer between 1 and 3 (the layers), got 4',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: 0 }),
      'ERR_OPTION',
      'lambda must be a finite number > 0, or one a sample, got 0',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: null as never }),
      'ERR_OPTION',
      'lambda must be a finite number > 0, or one a sample, got null',
    );
    await refused(
      () => lista.unfoldSync(x, { tolerance: 1e-3 }),
      'ERR_OPTION',
      'tolerance is an option of calls with lambda, not of a call without, whose codes have no gap',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: [1] }),
      'ERR_SHAPE',
      'lambda must be one a sample (2), got 1',
    );
    await refused(
      () => lista.unfold(matrix(new Float32Array(6), 3)),
      'ERR_SHAPE',
      'activations have 3 dims, the network has 8',
    );
    const strange = matrix(new Float32Array(16), 8);
    strange.data[9] = Number.NaN;
    await refused(
      () => lista.unfold(strange),
      'ERR_NOT_FINITE',
      'activations must be finite in float32: row 1, column 1 is NaN',
    );
    const large = matrix(new Float32Array(800), 8);
    large.data.fill(3e38, 560, 568);
    large.data.fill(3e38, 640, 648);
    await refused(
      () => lista.unfold(large),
      'ERR_NOT_FINITE',
      'sample 70 overflows float32 in the layers of the network',
    );
    await refused(
      () => lista.unfold(x, { overflow: 'skip' as never }),
      'ERR_OPTION',
      'overflow must be one of refuse, zero, got "skip"',
    );
    const reason = new Error('enough');
    await expect(lista.unfold(x, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    lista.dispose();
    lista.dispose();
    expect(lista.disposed).toBe(true);
    await refused(
      () => lista.unfold(x),
      'ERR_DISPOSED',
      'the network was disposed: a Lista cannot be used after that',
    );
    await refused(
      () => lista.parameters(),
      'ERR_DISPOSED',
      'the network was disposed: a Lista cannot be used after that',
    );
    expect(() => structuredClone(lista)).toThrow('a Lista has native memory of its thread');
  });

  test('a sample that overflows may have no codes, and then changes no other', async () => {
    for (const weights of KINDS) {
      const lista = Lista.from(parametersOf(3, weights));
      const x = matrix(normals(makeRandom(1), 200 * 8), 8);
      const far = { ...x, data: x.data.slice() };
      for (const i of [0, 70, 199]) far.data.fill(3e38, i * 8, (i + 1) * 8);
      const expected = lista.unfoldSync(x, { lambda: 0.3 });
      const zero = { lambda: 0.3, overflow: 'zero' } as const;
      for (const made of [lista.unfoldSync(far, zero), await lista.unfold(far, { ...zero, threads: 3 })])
        for (let i = 0; i < 200; i++) {
          const over = [0, 70, 199].includes(i);
          expect(made.status[i] === UnfoldStatus.diverged).toBe(over);
          if (over) {
            expect(made.codes.row(i).indices.length).toBe(0);
            const zero = 0.5 * (made.norm[i] as number) ** 2;
            expect((made.objective[i] as number) / zero).toBeCloseTo(1, 12);
          } else {
            expect(made.codes.row(i)).toEqual(expected.codes.row(i));
            expect([made.gap[i], made.status[i]]).toEqual([expected.gap[i], expected.status[i]]);
          }
        }
      expect(lista.unfoldSync(x, zero).codes).toEqual(expected.codes);
    }
    // A code of a tiny atom that float32 has no number for.
    const tiny = Lista.from({
      weights: 'fixed',
      dictionary: matrix(Float32Array.of(1e-30, 0, 0, 1), 2),
      threshold: [0],
    });
    const two = matrix(Float32Array.of(1e20, 0, 0, 1), 2);
    expect(() => tiny.unfoldSync(two)).toThrow('sample 0 overflows float32 in the layers of the network');
    const { codes, status } = tiny.unfoldSync(two, { overflow: 'zero' });
    expect([[...codes.indptr], [...codes.values]]).toEqual([[0, 0, 1], [1]]);
    expect([...status]).toEqual([UnfoldStatus.diverged, UnfoldStatus.iterationLimit]);
  });

  test('progress counts samples, and an abort ends a call that runs', async () => {
    const lista = Lista.from(parametersOf(3, 'fixed', { features: 400, dims: 100, layers: 16 }));
    const x = matrix(normals(makeRandom(1), 9000 * 100), 100);
    const seen: number[] = [];
    await lista.unfold(x, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = lista.unfold(x, { signal: controller.signal, threads: 1 });
    setTimeout(() => controller.abort(reason), 1);
    await expect(call).rejects.toBe(reason);
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
