// Folding, certificates and paths on a CUDA device: the answers of the CPU. On the emulation of test/cuda/, or on the module that
// UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  type CertifySyncOptions,
  certify,
  certifySync,
  Dictionary,
  fold,
  lambdaMax,
  type PathUnfolding,
  SparseCodes,
  type UnfoldPathOptions,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { gaussian, heavyTailed, standardProblems, unevenNorms } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';
import { trueGap } from '../reference/verify.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing runs on a CUDA device');
const device = 'cuda';

const PROBLEMS = [
  ...standardProblems(),
  { ...gaussian(61, { features: 2105, dims: 17, samples: 2 }), name: '2,105 features' },
  unevenNorms(62, { features: 140, dims: 65, samples: 4 }),
  heavyTailed(63, { features: 257, dims: 5, samples: 5 }),
];

describe.skipIf(!there)('fold on a CUDA device: the same bits', () => {
  it.each([
    ['one dim', 1, 3, 4, 2],
    ['more entries than are staged', 33, 300, 3, 290],
    ['more dims than a block takes at a time', 1030, 9, 5, 3],
    ['no samples', 7, 5, 0, 2],
  ])('%s', (_, dims, features, samples, entries) => {
    const random = makeRandom(64);
    const { atoms } = gaussian(65, { features, dims, samples: 1 });
    // A row without entries, and sizes from underflow to 1e30.
    const rows = Array.from({ length: samples }, (_, i) => (i === 1 ? [] : random.choose(entries, features)));
    const indices = rows.flatMap((row) => row.toSorted((a, b) => a - b));
    const value = (k: number): number => random.normal() * 10 ** [0, -30, 30, -44][k % 4]!;
    for (const Type of [Float32Array, Float64Array]) {
      const codes = SparseCodes.from({
        indptr: Uint32Array.from([0, ...rows.map((_, i) => rows.slice(0, i + 1).flat().length)]),
        indices: Uint32Array.from(indices),
        values: new Type(indices.map((_, k) => value(k))),
        shape: [samples, features],
      });
      const dictionary = Dictionary.from(atoms);
      expect(fold(codes, dictionary, { device })).toEqual(fold(codes, dictionary));
    }
  });
});

/** Each problem with a third of the options. */
const CASES = PROBLEMS.map((problem, at) => ({ ...problem, at }));

describe.skipIf(!there).each(CASES)('$name', ({ atoms, samples, at }) => {
  const dictionary = Dictionary.from(atoms);
  const [features, dims] = atoms.shape;
  const lambda = lambdaMax(samples, dictionary).map((v) => 0.3 * v || 1);
  const weights = Float32Array.from({ length: features }, (_, j) => 0.4 + (j % 9) / 5);
  const settings: Record<string, Partial<CertifySyncOptions>> = {
    plain: {},
    'a nonnegative ridge': { nonnegative: true, ridge: 0.1 },
    weights: { weights },
    'an excluded and a free feature': {
      weights: weights.map((w, j) => (j === 0 ? 0 : j === 1 ? Number.POSITIVE_INFINITY : w)),
    },
    observed: { observed: Uint8Array.from({ length: dims }, (_, k) => (k % 5 === 2 ? 0 : 1)) },
    float64: { precision: 'float64' },
  };

  it.each(Object.entries(settings).filter((_, i) => i % 3 === at % 3))(
    'certificates are those of the CPU: %s',
    async (_, setting) => {
      const options = { lambda, ...setting };
      const { nonnegative } = setting;
      const like = { lambda, nonnegative, ...(setting.ridge ? { ridge: setting.ridge } : {}) };
      for (const codes of [
        unfoldSync(samples, dictionary, { ...like, tolerance: 1e-8 }).codes,
        unfoldSync(samples, dictionary, { ...like, tolerance: 0.05 }).codes,
        unfoldSync(samples, dictionary, { method: 'omp', sparsity: 1, nonnegative }).codes,
      ]) {
        const cpu = certifySync(samples, codes, dictionary, options);
        expect(certifySync(samples, codes, dictionary, { ...options, device })).toEqual(cpu);
        expect(await certify(samples, codes, dictionary, { ...options, device, threads: 1 })).toEqual(cpu);
      }
    },
  );

  // Of many features too slow under the emulation.
  it.skipIf(features > 2000).each<[string, UnfoldPathOptions]>([
    ['a given λ', { lambdas: [0.7, 0.3, 0.1] }],
    ['a count', { count: 3, ratio: 0.1, nonnegative: true }],
    ['to least squares', { lambdas: [0.5, 0], weights, ridge: 0.2 }],
  ])('paths: %s', async (_, options) => {
    const steps = async (on: 'cpu' | 'cuda'): Promise<PathUnfolding[]> => {
      const all = [];
      for await (const step of unfoldPath(samples, dictionary, {
        ...options,
        device: on,
      } as UnfoldPathOptions))
        all.push(step);
      return all;
    };
    const [cpu, found] = [await steps('cpu'), await steps('cuda')];
    expect(found.length).toBe(cpu.length);
    for (const [t, step] of found.entries()) {
      const theirs = cpu[t] as PathUnfolding;
      // λ = 0 is least squares, by another way; of no samples nothing runs there.
      const ranThere = samples.shape[0] > 0 && step.lambda.every((v) => v > 0);
      expect(step.device).toBe(ranThere ? 'cuda:0' : 'cpu');
      expect(step.lambda).toEqual(theirs.lambda);
      expect(step.status).toEqual(theirs.status);
      const at = { ...options, lambda: step.lambda } as Parameters<typeof trueGap>[1];
      if (step.converged && step.lambda.every((v) => v > 0))
        expect(trueGap({ name: '', atoms, samples }, at, step)).toBeLessThanOrEqual(1e-4 * (1 + 1e-6));
      for (const [i, objective] of step.objective.entries()) {
        const gaps =
          ((step.gap[i] as number) + (theirs.gap[i] as number) + 1e-12) * 0.5 * (step.norm[i] as number) ** 2;
        expect(Math.abs(objective - (theirs.objective[i] as number))).toBeLessThanOrEqual(gaps);
      }
    }
  });
});
