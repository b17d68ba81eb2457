// A CUDA device with 16,384 dims, where sums of int8 products, shared memory and lists of parts come to their ends: the answers of the CPU. On
// the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  fold,
  Lista,
  lambdaMax,
  learnDictionary,
  ops,
  type UnfoldSyncOptions,
  unfoldSync,
} from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import { trueGap } from '../reference/verify.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing of many dims runs on a CUDA device');

const device = 'cuda';

describe.skipIf(!there).each([16_384])('%d dims on a CUDA device', (dims) => {
  const { atoms, samples } = gaussian(7, { features: 40, dims, samples: 4, active: 2, noise: 0.3 });
  const dictionary = Dictionary.from(atoms, { normalize: true });
  const lambda = 0.3 * Math.min(...lambdaMax(samples, dictionary));

  it('lasso: converged, and so says the judge of the CPU', () => {
    const found = unfoldSync(samples, dictionary, { lambda, device });
    expect([found.device, found.converged]).toEqual(['cuda:0', true]);
    // By float64 products and the definitions, as in cuda-lasso.test.ts.
    expect(
      trueGap({ name: '', atoms: dictionary.toMatrix(), samples }, { lambda }, found),
    ).toBeLessThanOrEqual(1e-4 * (1 + 1e-6));
    const { gap } = certifySync(samples, found.codes, dictionary, { lambda });
    expect([...certifySync(samples, found.codes, dictionary, { lambda, device }).gap]).toEqual([...gap]);
  });

  it('omp, top k and fold: the same', () => {
    const run = (on: 'cpu' | 'cuda') =>
      unfoldSync(samples, dictionary, { method: 'omp', sparsity: 3, device: on });
    const [here, found] = [run('cpu'), run('cuda')];
    expect([here.device, found.device]).toEqual(['cpu', 'cuda:0']);
    expect([...found.codes.indices]).toEqual([...here.codes.indices]);
    expect(ops.topK(samples, dictionary, 3, { device })).toEqual(ops.topK(samples, dictionary, 3));
    expect(fold(here.codes, dictionary, { device }).data).toEqual(fold(here.codes, dictionary).data);
  });

  it('learning and unrolled networks run there too', async () => {
    const initial = { data: atoms.data.slice(0, 4 * dims), shape: [4, dims] } as const;
    const learn = (on: 'cpu' | 'cuda') =>
      learnDictionary(samples, {
        features: 4,
        lambda,
        steps: 1,
        batchSize: 4,
        tolerance: 1e-6,
        initial,
        device: on,
      });
    const [here, found] = [await learn('cpu'), await learn('cuda')];
    expect([here.device, found.device]).toEqual(['cpu', 'cuda:0']);
    // Both objectives are within their gaps of the same least one.
    expect(Math.abs(found.objective - here.objective)).toBeLessThanOrEqual(2e-6 * here.objective);
    const lista = Lista.from({ weights: 'fixed', dictionary: initial, threshold: [0.1, 0.1] });
    const [layers, others] = [await lista.unfold(samples), await lista.unfold(samples, { device })];
    expect(others.device).toBe('cuda:0');
    expect([...others.codes.indices]).toEqual([...layers.codes.indices]);
  });
});

describe.skipIf(!there)('an answer says where it was computed', () => {
  const { atoms, samples } = gaussian(9, { features: 12, dims: 6, samples: 5, active: 2, noise: 0.1 });
  const dictionary = Dictionary.from(atoms);
  it.each([
    ['the lasso', { lambda: 0.2 }, 'cuda:0'],
    ['the lasso in float64', { lambda: 0.2, precision: 'float64' }, 'cuda:0'],
    ['with a limit of iterations', { lambda: 0.2, maxIterations: 1 }, 'cuda:0'], // scores
    ['λ = 0, which is least squares', { lambda: 0 }, 'cpu'],
    ['omp', { method: 'omp', sparsity: 2 }, 'cuda:0'],
  ] as const)('%s: %j on %s', (_, options, expected) => {
    const on = { ...options, device } as UnfoldSyncOptions;
    expect(unfoldSync(samples, dictionary, on).device).toBe(expected);
  });

  it('of no samples: here', () => {
    const none = { data: new Float32Array(0), shape: [0, 6] } as const;
    expect(unfoldSync(none, dictionary, { lambda: 0.2, device }).device).toBe('cpu');
  });
});
