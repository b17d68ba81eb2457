// What the functions of toy models refuse.
import { describe, expect, it } from 'vitest';
import { toy, UnsuperposeError } from '../../lib/index.js';
import { model } from './toy-models.js';

describe('refusals', () => {
  // biome-ignore lint/suspicious/noExplicitAny: what is refused is what the types forbid
  type Anything = any;
  const refused = async (call: () => unknown, code: string, text: RegExp): Promise<void> => {
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect((error as UnsuperposeError).code, (error as Error).message).toBe(code);
    expect((error as Error).message).toMatch(text);
  };
  const sample = { samples: 4, features: 3 };
  const train = { features: 3, dims: 2, steps: 1 };

  it.each<[Record<string, Anything>, RegExp, string?]>([
    [{ samples: -1 }, /samples/],
    [{ features: 0 }, /features/],
    [{ density: 1.1 }, /density/],
    [{ density: [0.1, 0.2] }, /density must be one a feature \(3\), got 2/, 'ERR_SHAPE'],
    [{ density: [0.1, Number.NaN, 0.2] }, /density\[1\]/],
    [{ density: { zipf: 1 } }, /density\.mean/],
    [{ density: { zipf: 1, mean: 0.1, cut: 1 } }, /cut is not an option/],
    [{ format: 'csr' }, /format must be one of dense, sparse/],
    [{ seed: -1 }, /seed/],
    [{ correlated: [0, 1] }, /correlated\[0\] must be an array/],
    [{ correlated: [[0, 3]] }, /correlated\[0\]\[1\]/],
    [{ correlated: [[0, 1]], anticorrelated: [[1, 2]] }, /feature 1 is twice/],
    [{ density: 0.5, anticorrelated: [[0, 1, 2]] }, /density must be at most 1 in all.*got 1\.5/],
    [{ parents: [null, 0] }, /parents must be one a feature/, 'ERR_SHAPE'],
    [{ parents: [1, 2, 0] }, /circle/],
    [{ parents: [0, null, null] }, /circle/],
    [{ parents: [null, 3, null] }, /parents\[1\]/],
    [
      { parents: [null, 0, null], density: [0.1, 0.2, 0.1] },
      /density\[1\] must be at most its parent's, 0\.1/,
    ],
    [{ parents: [null, 0, null], correlated: [[1, 2]] }, /parents\[1\] must be null/],
    [{ magnitudes: 'normal' }, /magnitudes/],
    [{ magnitudes: { location: 0 } }, /magnitudes\.scale/],
    [{ sed: 1 }, /sed is not an option of sampleFeatures \(did you mean seed\?\)/],
    [{ threads: 0 }, /threads/],
  ])('sampleFeatures %o', (options, text, code = 'ERR_OPTION') =>
    refused(() => toy.sampleFeatures({ ...sample, ...options } as Anything), code, text),
  );

  it.each<[Record<string, Anything>, RegExp, string?]>([
    [{ features: 1.5 }, /features/],
    [{ dims: 0 }, /dims/],
    [{ steps: 0 }, /steps/],
    [{ batchSize: 0 }, /batchSize/],
    [{ learningRate: 0 }, /learningRate/],
    [{ learningRate: 2 }, /learningRate/],
    [{ schedule: 'step' }, /schedule/],
    [{ weightDecay: -1 }, /weightDecay/],
    [{ betas: [0.9, 1] }, /betas/],
    [{ epsilon: 0 }, /epsilon/],
    [{ activation: 'gelu' }, /activation/],
    [{ instances: [] }, /instances/],
    [{ instances: [{ densty: 1 }] }, /densty is not an option of instances\[0\] \(did you mean density\?\)/],
    [{ instances: [{ importance: [1] }] }, /instances\[0\]\.importance must be one a feature/, 'ERR_SHAPE'],
    [{ importance: -1 }, /importance/],
    [{ importance: { decay: 0 } }, /importance\.decay/],
    [{ penalty: 1 }, /penalty is an option of strategies/],
    [{ strategy: 'orthogonal' }, /penalty must be/],
    [
      { strategy: 'orthogonal', penalty: 1, allowedInterference: 0.1 },
      /allowedInterference is an option of strategy hybrid/,
    ],
    [{ strategy: 'hybrid', penalty: 1 }, /allowedInterference must be/],
    [{ strategy: 'none' }, /strategy must be one of/],
    [{ initial: [] }, /initial must be one an instance/, 'ERR_SHAPE'],
    [
      { initial: [model(1, 2, 2)] },
      /initial\[0\]\.weights must be features × dims \[3, 2\], got \[2, 2\]/,
      'ERR_SHAPE',
    ],
    [
      { initial: [{ ...model(1, 3, 2), bias: [0, 0, 0] }] },
      /initial\[0\]\.bias must be a Float32Array/,
      'ERR_DTYPE',
    ],
    [{ initial: [{ ...model(1, 3, 2), bias: Float32Array.of(0, Number.NaN, 0) }] }, /bias/, 'ERR_NOT_FINITE'],
    [{ signal: 1 }, /signal/],
    [{ learningrate: 1 }, /did you mean learningRate/],
  ])('trainToyModel %o', (options, text, code = 'ERR_OPTION') =>
    refused(() => toy.trainToyModel({ ...train, ...options } as Anything), code, text),
  );

  it('measureSuperposition, applyToyModel and toyGradient', async () => {
    const empty = { data: new Float32Array(0), shape: [0, 3] as const };
    await refused(() => toy.measureSuperposition(empty), 'ERR_SHAPE', /at least one feature/);
    await refused(() => toy.measureSuperposition(7 as Anything), 'ERR_DTYPE', /weights/);
    const bad = { data: Float32Array.of(1, Number.NaN), shape: [1, 2] as const };
    await refused(() => toy.measureSuperposition(bad), 'ERR_NOT_FINITE', /weights/);
    await refused(() => toy.applyToyModel(model(1, 3, 2), bad), 'ERR_SHAPE', /x has 2 features, model has 3/);
    await refused(() => toy.toyGradient(model(1, 3, 2), bad), 'ERR_SHAPE', /x has 2 features, model has 3/);
    await refused(() => toy.toyGradient(model(1, 2, 2), { ...bad, shape: [1, 2] }), 'ERR_NOT_FINITE', /x/);
    await refused(() => toy.applyToyModel({} as Anything, bad), 'ERR_DTYPE', /model\.weights/);
  });
});
