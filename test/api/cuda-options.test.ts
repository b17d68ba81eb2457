// `device` on every call that has it, on a machine where no CUDA module can be used: what is read, what is refused, and what runs on the CPU.
import { afterEach, describe, expect, it } from 'vitest';
import {
  certify,
  certifySync,
  claims,
  type Device,
  fold,
  geometry,
  info,
  Lista,
  lambdaByHeldOutDims,
  lambdaForL0,
  learnDictionary,
  ops,
  trainSparseAutoencoder,
  trainSparseAutoencoders,
  UnsuperposeError,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, atoms, codes, dictionary, drain, failure, samples } from './calls.js';

const NOWHERE = '/nowhere/unsuperpose_cuda.node';
process.env.UNSUPERPOSE_CUDA_BINARY = NOWHERE;
delete process.env.UNSUPERPOSE_DEVICE;

const lista = Lista.from({ weights: 'fixed', dictionary: atoms, threshold: [0.3, 0.2] });
const pairs = claims.virtualWeights(dictionary, 'identity', dictionary);

/** Every call that can use a GPU. */
const CALLS: Record<string, (device: Anything) => unknown> = {
  unfold: (device) => unfold(samples, dictionary, { lambda: 0.1, device }),
  unfoldSync: (device) => unfoldSync(samples, dictionary, { lambda: 0.1, device }),
  'unfoldSync of omp': (device) => unfoldSync(samples, dictionary, { method: 'omp', sparsity: 2, device }),
  'unfoldSync of float64': (device) =>
    unfoldSync(samples, dictionary, { lambda: 0.1, device, precision: 'float64' }),
  unfoldPath: (device) => drain(unfoldPath(samples, dictionary, { lambdas: [0.3, 0.1], device })),
  fold: (device) => fold(codes, dictionary, { device }),
  certify: (device) => certify(samples, codes, dictionary, { lambda: 0.1, device }),
  certifySync: (device) => certifySync(samples, codes, dictionary, { lambda: 0.1, device }),
  'ops.topK': (device) => ops.topK(samples, atoms, 2, { device }),
  'ops.above': (device) => ops.above(samples, dictionary, 0.1, { device }),
  'ops.maximum': (device) => ops.maximum(samples, dictionary, { device }),
  'pairs.maximum': (device) => pairs.maximum({ device }),
  'pairs.above': (device) => pairs.above(0.5, { device }),
  'pairs.strongest': (device) => pairs.strongest(3, { device }),
  'pairs.maxima': (device) => pairs.maxima('to', { device }),
  'claims.noCircuit': (device) => claims.noCircuit(dictionary, ['identity'], dictionary, 1, { device }),
  'claims.claimNoPair': (device) => claims.claimNoPair(dictionary, 'identity', dictionary, 2, { device }),
  'claims.claimNoCircuit': (device) =>
    claims.claimNoCircuit(dictionary, ['identity'], dictionary, 2, { device }),
  'geometry.coherence': (device) => geometry.coherence(dictionary, { device }),
  'geometry.babel': (device) => geometry.babel(dictionary, 3, { device }),
  trainSparseAutoencoder: (device) =>
    trainSparseAutoencoder(samples, { architecture: 'topk', features: 6, sparsity: 2, steps: 2, device }),
  trainSparseAutoencoders: (device) =>
    trainSparseAutoencoders(samples, {
      learners: [{ architecture: 'batchtopk', features: 6, sparsity: 2 }],
      steps: 2,
      device,
    }),
  learnDictionary: (device) => learnDictionary(samples, { features: 3, lambda: 0.1, steps: 2, device }),
  'learnDictionary, held out': (device) =>
    learnDictionary(samples, { features: 3, lambda: 0.1, steps: 2, holdout: 0.5, seed: 1, device }),
  'lista.unfold': (device) => lista.unfold(samples, { device }),
  'lista.unfoldSync': (device) => lista.unfoldSync(samples, { device }),
  'unfold, warmStart': (device) => unfold(samples, dictionary, { lambda: 0.1, warmStart: lista, device }),
  'unfoldSync, warmStart': (device) =>
    unfoldSync(samples, dictionary, { lambda: 0.1, warmStart: lista, device }),
  'geometry.clusters': (device) => geometry.clusters(dictionary, 0.5, { device }),
};

const NOT_THERE = `the CUDA module ${NOWHERE} is not there. UNSUPERPOSE_CUDA_BINARY names it: correct it, or unset it to use what the package has`;

afterEach(() => {
  delete process.env.UNSUPERPOSE_DEVICE;
  process.env.UNSUPERPOSE_CUDA_BINARY = NOWHERE;
});

describe.each(Object.entries(CALLS))('%s', (_, call) => {
  it.each(['gpu', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:1.5', 'cuda:10000', 'CUDA', ' cpu', '', 0, null, {}])(
    'refuses device %j',
    async (device) => {
      const error = await failure(() => call(device));
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect(error).toMatchObject({ code: 'ERR_OPTION', argument: 'device' });
      expect(String(error)).toContain("device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got ");
    },
  );

  it.each(['cuda', 'cuda:0', 'cuda:3'])('has no device %s, and says why', async (device) => {
    expect(await failure(() => call(device))).toMatchObject({
      code: 'ERR_NO_DEVICE',
      argument: 'device',
      message: NOT_THERE,
    });
  });

  it("takes 'cpu' and 'auto', which are what no device is", async () => {
    const shown = async (device: unknown): Promise<string> =>
      JSON.stringify(await call(device), (key, value) => (key === 'created' ? undefined : value));
    const plain = await shown(undefined);
    expect(await shown('cpu')).toBe(plain);
    expect(await shown('auto')).toBe(plain);
  });

  it('has its default in UNSUPERPOSE_DEVICE', async () => {
    process.env.UNSUPERPOSE_DEVICE = 'cuda';
    expect(await failure(() => call(undefined))).toMatchObject({ code: 'ERR_NO_DEVICE' });
    expect(await failure(() => call('cpu'))).toBeUndefined();
    process.env.UNSUPERPOSE_DEVICE = '';
    expect(await failure(() => call(undefined))).toBeUndefined();
    process.env.UNSUPERPOSE_DEVICE = 'gpu';
    expect(await failure(() => call(undefined))).toMatchObject({
      code: 'ERR_OPTION',
      argument: 'UNSUPERPOSE_DEVICE',
      message:
        "the environment variable UNSUPERPOSE_DEVICE must be 'auto', 'cpu', 'cuda' or 'cuda:N', got \"gpu\"",
    });
  });
});

describe('methods without a GPU', () => {
  const greedy = ['mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'];
  const methods: Record<string, Anything> = {
    ...Object.fromEntries(['fista', 'ista', 'homotopy', 'reweighted'].map((m) => [m, { lambda: 0.1 }])),
    bpdn: { epsilon: 0.1 },
    'l1-ball': { radius: 1 },
    amp: { lambda: 0.1 },
    ...Object.fromEntries(greedy.map((m) => [m, { sparsity: 2 }])),
  };

  it.each(Object.entries(methods))('%s', (method, options) => {
    const solve = (device: unknown) =>
      unfoldSync(samples, dictionary, { method, ...options, device } as Anything);
    expect(() => solve('cuda:1')).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: `device "cuda:1" is for methods lasso, omp: method ${method} runs on the CPU only`,
      }),
    );
    expect(solve('auto').device).toBe('cpu');
    process.env.UNSUPERPOSE_DEVICE = 'cuda';
    expect(solve(undefined).device).toBe('cpu');
  });

  it('nor has a path by homotopy', async () => {
    const path = (device: unknown) =>
      drain(unfoldPath(samples, dictionary, { method: 'homotopy', lambdas: [0.2], device } as Anything));
    expect(await failure(() => path('cuda'))).toMatchObject({
      code: 'ERR_OPTION',
      message: 'device "cuda" is for method lasso: method homotopy runs on the CPU only',
    });
    expect(await failure(() => path('auto'))).toBeUndefined();
  });

  it('and what asks about all pairs in plain float64, or of no pairs, has no such option', async () => {
    expect(await failure(() => pairs.histogram({ device: 'cpu' } as Anything))).toMatchObject({
      code: 'ERR_OPTION',
      argument: 'device',
    });
    expect(() => ops.gram(atoms, { device: 'cpu' } as Anything)).toThrow(
      'device is not an option of ops.gram',
    );
  });
});

describe('what stays on the CPU', () => {
  const learner = { features: 6, lambda: 0.1 } as const;
  const learned = { features: 3, epochs: 1, holdout: 0.5, seed: 1 } as const;
  const train = (options: Anything) => trainSparseAutoencoder(samples, { steps: 2, ...options });
  const full = Lista.from({
    ...{ weights: 'pair', dictionary: atoms, threshold: [0.3], forward: [atoms] },
    recurrent: [{ data: new Float32Array(12 * 12), shape: [12, 12] }],
  } as Anything);
  const STAYING: Record<string, () => Promise<unknown>> = {
    'training relu': () => train({ architecture: 'relu', ...learner }),
    'training gated': () => train({ architecture: 'gated', ...learner }),
    'training matryoshka': () => train({ architecture: 'matryoshka', features: 6, sparsity: 2 }),
    'training matching-pursuit': () => train({ architecture: 'matching-pursuit', features: 6, sparsity: 2 }),
    'training with skip': () => train({ architecture: 'topk', features: 6, sparsity: 2, skip: true }),
    'training of which one is relu': () =>
      trainSparseAutoencoders(samples, {
        learners: [
          { architecture: 'topk', features: 6, sparsity: 2 },
          { architecture: 'relu', ...learner },
        ],
        steps: 2,
      }),
    'learning by fista, held out': () =>
      learnDictionary(samples, { ...learned, lambda: 0.1, solver: 'fista', onProgress: () => undefined }),
    'learning by omp, held out': () =>
      learnDictionary(samples, { ...learned, sparsity: 1, onProgress: () => undefined }),
    'learning by homotopy, restarts': () =>
      learnDictionary(samples, { features: 3, lambda: 0.1, solver: 'homotopy', steps: 2, restarts: 2 }),
    'learning by omp from a stream, held out': () =>
      learnDictionary([samples, samples], { ...learned, sparsity: 1 }),
    lambdaByHeldOutDims: () => lambdaByHeldOutDims(samples, dictionary, { count: 2, folds: 2 }),
    lambdaForL0: () => lambdaForL0(samples, dictionary, 2),
    'unfold by fista, warmStart': () =>
      unfold(samples, dictionary, { method: 'fista', lambda: 0.1, warmStart: lista }),
    'lista.unfold of lista': () => full.unfold(samples),
  };

  it.each(Object.entries(STAYING))('%s does so whatever UNSUPERPOSE_DEVICE says', async (_, call) => {
    const shown = async () =>
      JSON.stringify(await call(), (key, value) => (key === 'created' ? undefined : value));
    const expected = await shown();
    process.env.UNSUPERPOSE_DEVICE = 'cuda';
    expect(await shown()).toBe(expected);
  });

  const refused = (what: string) => ({
    code: 'ERR_OPTION',
    argument: 'device',
    message: `device "cuda:1" is for training with architecture topk, batchtopk, jumprelu, without skip: ${what} runs on the CPU only`,
  });
  it.each([
    ['architecture relu', { architecture: 'relu', ...learner }],
    ['architecture matryoshka', { architecture: 'matryoshka', features: 6, sparsity: 2 }],
    ['skip', { architecture: 'topk', features: 6, sparsity: 2, skip: true }],
  ])('%s refuses the GPU that is asked for, of a stream before anything is read', async (what, options) => {
    let read = 0;
    function* stream() {
      read++;
      yield samples;
    }
    expect(await failure(() => train({ ...options, device: 'cuda:1' }))).toMatchObject(refused(what));
    const call = (device: string) => trainSparseAutoencoder(stream, { ...options, device } as Anything);
    expect(await failure(() => call('cuda:1'))).toMatchObject(refused(what));
    expect(read).toBe(0);
    expect(await failure(() => call('auto'))).toBeUndefined();
  });

  it('nor is a stream read for a GPU that is not there', async () => {
    let read = 0;
    function* stream() {
      read++;
      yield samples;
    }
    const options = { architecture: 'topk', features: 6, sparsity: 2, device: 'cuda' } as const;
    expect(await failure(() => trainSparseAutoencoder(stream, options))).toMatchObject({
      code: 'ERR_NO_DEVICE',
    });
    expect(read).toBe(0);
  });
});

it('training says where its steps ran', async () => {
  const options = { architecture: 'topk', features: 6, sparsity: 2, steps: 2 } as const;
  expect((await trainSparseAutoencoder(samples, options)).training?.device).toBe('cpu');
});

it('an unfolding says where it was computed', async () => {
  expect(unfoldSync(samples, dictionary, { lambda: 0.1 }).device).toBe('cpu');
  expect((await unfold(samples, dictionary, { lambda: 0.1, device: 'auto' })).device).toBe('cpu');
});

describe('info().cuda', () => {
  it('says why there is nothing', () => {
    expect(info().cuda).toEqual({ available: false, reason: NOT_THERE, devices: [] });
    expect(JSON.parse(JSON.stringify(info())).cuda.available).toBe(false);
  });

  it.each([
    ['a file that is no module', 'package.json', /cannot be used: .*(header|format|short)/i],
    [
      'another module',
      process.env.UNSUPERPOSE_BINARY ?? 'build/Release/unsuperpose.node',
      /it exports no table/,
    ],
  ])('does so of %s', (_, path, reason) => {
    process.env.UNSUPERPOSE_CUDA_BINARY = path;
    const { cuda } = info();
    expect(cuda).toMatchObject({ available: false, devices: [] });
    expect(cuda?.reason).toMatch(reason);
    expect(() => ops.maximum(samples, atoms, { device: 'cuda' })).toThrow(
      expect.objectContaining({ code: 'ERR_NATIVE', argument: 'device', message: cuda?.reason }),
    );
    expect([...ops.maximum(samples, atoms, { device: 'auto' })]).toHaveLength(4);
  });
});

it('the type has these names and no others', () => {
  const names: Device[] = ['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:12'];
  // @ts-expect-error
  names.push('gpu');
  // @ts-expect-error
  names.push('cuda:x');
  expect(names).toHaveLength(7);
});
