// A CUDA device and the CPU on the edges of what calls take: no samples, zeros, one dim, sizes near the ends of float32, weights beside which λ is
// nothing, numbers that are none. On the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  claims,
  Dictionary,
  fold,
  geometry,
  isUnsuperposeError,
  type Matrix,
  ops,
  type UnfoldOptions,
  unfold,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing runs on a CUDA device');
type On = { readonly device: 'cpu' | 'cuda' };

const [SAMPLES, DIMS, FEATURES] = [5, 8, 20];
/** What rounding codes to float32 may move an objective by, beside ½‖x‖². */
const ROUNDING = DIMS * 2 ** -23;

/** Rows of normal entries, row i times scale(i). */
function rows(seed: number, count: number, dims: number, scale: (row: number) => number = () => 1) {
  const random = makeRandom(seed);
  const data = Float32Array.from({ length: count * dims }, (_, i) =>
    Math.fround(random.normal() * scale(Math.floor(i / dims))),
  );
  return { data, shape: [count, dims] } as Matrix<Float32Array> & { data: Float32Array };
}

interface Case {
  readonly samples: Matrix<Float32Array>;
  readonly atoms: Matrix<Float32Array>;
  readonly lambda: number;
}

const sized = (x: number, d: number): Case => ({
  samples: rows(1, SAMPLES, DIMS, () => x),
  atoms: rows(2, FEATURES, DIMS, () => d),
  lambda: 0.3 * x * d,
});
const plain = sized(1, 1);
const zeroed = (matrix: Matrix<Float32Array>): Matrix<Float32Array> => {
  const [, cols] = matrix.shape;
  return { data: matrix.data.map((v, i) => (Math.floor(i / cols) === 1 ? 0 : v)), shape: matrix.shape };
};

const CASES: Record<string, Case> = {
  'no samples': { ...plain, samples: rows(1, 0, DIMS) },
  'a sample of zeros': { ...plain, samples: zeroed(plain.samples) },
  'samples of zeros': { ...plain, samples: rows(1, SAMPLES, DIMS, () => 0) },
  'an atom of zeros': { ...plain, atoms: zeroed(plain.atoms) },
  'atoms of zeros': { ...plain, atoms: rows(2, FEATURES, DIMS, () => 0) },
  'one dim': { samples: rows(1, SAMPLES, 1), atoms: rows(2, 7, 1), lambda: 0.05 },
  'one feature': { ...plain, atoms: rows(2, 1, DIMS) },
  'large samples': sized(1e30, 1),
  'small samples': sized(1e-30, 1),
  'subnormal samples': sized(1e-42, 1),
  'large atoms': sized(1, 1e15),
  'small atoms': sized(1, 1e-30),
  'large samples and atoms': sized(1e30, 1e15),
  'small samples and atoms': sized(1e-30, 1e-30),
};

const answer = async (call: () => unknown): Promise<unknown> => {
  try {
    return await call();
  } catch (error) {
    if (!isUnsuperposeError(error)) throw error;
    return [error.code, error.argument, error.message];
  }
};

/** What is the same bits wherever it comes from. */
const EXACT: Record<string, (of: Case, dictionary: Dictionary, on: On) => unknown> = {
  'ops.topK': ({ samples }, dictionary, on) =>
    ops.topK(samples, dictionary, Math.min(3, dictionary.features), on),
  coherence: (_, dictionary, on) => geometry.coherence(dictionary, on),
  'virtual weights': (_, dictionary, on) =>
    claims.virtualWeights(dictionary, 'identity', dictionary).strongest(4, on),
  fold: async ({ samples }, dictionary, on) => {
    const sparsity = Math.min(3, dictionary.dims);
    const { codes } = await unfold(samples, dictionary, { method: 'omp', sparsity, device: 'cpu' });
    return fold(codes, dictionary, on);
  },
  certify: async ({ samples, lambda }, dictionary, on) => {
    const { codes } = await unfold(samples, dictionary, { lambda, device: 'cpu' });
    return certifySync(samples, codes, dictionary, { lambda, ...on });
  },
};

const SOLVES: Record<string, (lambda: number, features: number) => UnfoldOptions> = {
  lasso: (lambda) => ({ lambda }),
  'nonnegative lasso': (lambda) => ({ lambda, nonnegative: true }),
  'λ = 0': () => ({ lambda: 0 }),
  'a free and an excluded feature': (lambda, features) => ({
    lambda,
    weights: Float32Array.from({ length: features }, (_, j) => [0, Number.POSITIVE_INFINITY][j] ?? 1),
  }),
  'no feature allowed': (lambda, features) => ({
    lambda,
    weights: new Float32Array(features).fill(Number.POSITIVE_INFINITY),
  }),
  omp: () => ({ method: 'omp', sparsity: 1 }),
};

describe.skipIf(!there).each(Object.entries(CASES))('%s on a CUDA device', (_, given) => {
  const dictionary = Dictionary.from(given.atoms);

  it.each(Object.entries(EXACT))('%s: the bits of the CPU', async (__, call) => {
    const expected = await answer(() => call(given, dictionary, { device: 'cpu' }));
    expect(await answer(() => call(given, dictionary, { device: 'cuda' }))).toEqual(expected);
  });

  it.each(Object.entries(SOLVES))(
    '%s: converged where the CPU has, to within the gaps',
    async (__, options) => {
      const own = options(given.lambda, dictionary.features);
      const [cpu, found] = await Promise.all(
        (['cpu', 'cuda'] as const).map((device) => unfold(given.samples, dictionary, { ...own, device })),
      );
      expect(found?.status).toEqual(cpu?.status);
      expect(found?.norm).toEqual(cpu?.norm);
      for (const [i, theirs] of (cpu?.objective ?? []).entries()) {
        const gaps = [cpu, found].map((each) => (Number.isNaN(each?.gap[i]) ? 0 : (each?.gap[i] as number)));
        const energy = 0.5 * (cpu?.norm[i] as number) ** 2;
        const bound = ((gaps[0] as number) + (gaps[1] as number) + ROUNDING) * energy;
        expect(Math.abs((found?.objective[i] as number) - theirs)).toBeLessThanOrEqual(bound);
      }
    },
  );
});

describe.skipIf(!there)('numbers that are none, and λ that is nothing', () => {
  const dictionary = Dictionary.from(plain.atoms);

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    '%d among the samples is refused as on the CPU',
    async (bad) => {
      const samples = {
        data: plain.samples.data.map((v, i) => (i === 9 ? bad : v)),
        shape: plain.samples.shape,
      };
      const codes = (await unfold(plain.samples, dictionary, { lambda: 0.3 })).codes;
      const calls = [
        (on: On) => unfold(samples, dictionary, { lambda: 0.3, ...on }),
        (on: On) => unfold(samples, dictionary, { method: 'omp', sparsity: 2, ...on }),
        (on: On) => certifySync(samples, codes, dictionary, { lambda: 0.3, ...on }),
        (on: On) => ops.topK(samples, dictionary, 2, on),
        (on: On) => ops.above(samples, dictionary, 0.3, on),
        (on: On) => ops.maximum(samples, dictionary, on),
      ];
      for (const call of calls) {
        const expected = await answer(() => call({ device: 'cpu' }));
        expect(expected).toContain('ERR_NOT_FINITE');
        expect(await answer(() => call({ device: 'cuda' }))).toEqual(expected);
      }
    },
  );

  it('atoms, samples and weights of sizes far apart: it ends', async () => {
    const atoms = rows(3, FEATURES, DIMS, (j) => 10 ** (j - 10));
    const samples = rows(4, SAMPLES, DIMS, (i) => 10 ** (15 * (i - 2)));
    const weights = Float32Array.from({ length: FEATURES }, (_, j) => (j % 3 === 0 ? 1e30 : 1));
    const wide = Dictionary.from(atoms);
    const options = { lambda: 0.1, weights, signal: AbortSignal.timeout(20_000) };
    const cpu = await unfold(samples, wide, { ...options, device: 'cpu' });
    const found = await unfold(samples, wide, { ...options, device: 'cuda' });
    expect(found.status).toEqual(cpu.status);
  });
});
