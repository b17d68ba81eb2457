// The native trainer of unrolled networks through its binding: samples of its own, of a prior and from outside come to the same bits, for
// any number of threads and over any stop; figures, early ends, and what it refuses.
import { describe, expect, test, vi } from 'vitest';
import type { NativeMatrix } from '../../lib/call/matrix.js';
import { runJob } from '../../lib/native/job.js';
import type {
  ListaTrainerHandle,
  NativeLista,
  NativeListaFigures,
  NativeListaOptions,
  NativeListaPrior,
} from '../../lib/native/lista.js';
import { binding, native } from '../../lib/native/runtime.js';
import type { NativeCheckpoint } from '../../lib/native/sae.js';
import type { GivenCodes, NativeCodes } from '../../lib/native/values.js';
import { makeRandom } from '../reference/random.js';

const [FEATURES, DIMS, LAYERS, BATCH, SAMPLES] = [30, 18, 3, 32, 100];

const OPTIONS: NativeListaOptions = {
  ...{ weights: 'layers', layers: LAYERS, nonnegative: false, selection: 3, mostSelected: 9, adaptive: 0 },
  ...{
    ridge: 0,
    lambda: 0,
    every: false,
    schedule: 'endToEnd',
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
  },
  ...{ epsilon: 1e-8, clip: 1, decay: 0.3, planned: 20, validateEvery: 4, patience: 0, firstThreshold: 0 },
  ...{ batchSize: BATCH, seed: 3, memory: 2 ** 30 },
};
const PRIOR: NativeListaPrior = { density: 0.08, values: 'normal', randomSigns: true, snr: 30 };

function problem() {
  const random = makeRandom(5);
  const dictionary: NativeMatrix = {
    data: Float32Array.from({ length: FEATURES * DIMS }, () => 0.3 * random.normal()),
    ...{ rows: FEATURES, cols: DIMS },
  };
  const drawn = (number: number, rows: number) => {
    const { activations, codes } = native((module) =>
      module.listaSamples(PRIOR, false, dictionary, OPTIONS.seed, number, rows),
    );
    return { activations: { data: activations, rows, cols: DIMS }, codes };
  };
  return { dictionary, drawn };
}

interface Given {
  readonly options?: Partial<NativeListaOptions>;
  readonly prior?: NativeListaPrior;
  readonly samples?: { readonly activations: NativeMatrix; readonly codes?: GivenCodes };
  readonly validation?: { readonly activations: NativeMatrix; readonly codes?: GivenCodes };
}

function trainer({ options, prior, samples, validation }: Given): ListaTrainerHandle {
  const { dictionary } = problem();
  return native((module) =>
    module.createListaTrainer(
      ...([dictionary, { ...OPTIONS, ...options }, prior] as const),
      ...([samples?.activations, samples?.codes, validation?.activations, validation?.codes] as const),
    ),
  );
}

function run(
  handle: ListaTrainerHandle,
  steps: number,
  { threads = 1, stride = 5, seen = [] as NativeListaFigures[] } = {},
): Promise<NativeListaFigures> {
  return runJob(undefined, (onSettled, guard) =>
    binding.listaTrainerFit(
      ...([
        handle,
        steps,
        stride,
        threads,
        guard((now: NativeListaFigures) => seen.push(now)),
        onSettled,
      ] as const),
    ),
  );
}
const observe = (
  handle: ListaTrainerHandle,
  activations: NativeMatrix,
  codes: GivenCodes | undefined,
  most = 1000,
): Promise<NativeListaFigures> =>
  runJob(undefined, (onSettled) =>
    binding.listaTrainerObserve(handle, activations, codes, most, 1, undefined, onSettled),
  );
const finish = (handle: ListaTrainerHandle): Promise<NativeLista> =>
  runJob(undefined, (onSettled) => binding.listaTrainerFinish(handle, 1, undefined, onSettled));
const save = (handle: ListaTrainerHandle): Promise<NativeCheckpoint> =>
  runJob(undefined, (onSettled) => binding.listaTrainerSave(handle, 1, undefined, onSettled));

/** Rows of codes, one behind another. */
function joined(all: readonly NativeCodes[]): NativeCodes {
  const indptr = [0];
  for (const { indptr: own } of all) {
    const end = indptr.at(-1) as number;
    indptr.push(...[...own.subarray(1)].map((value) => end + value));
  }
  return {
    indptr: Uint32Array.from(indptr),
    indices: Uint32Array.from(all.flatMap(({ indices }) => [...indices])),
    values: Float32Array.from(all.flatMap(({ values }) => [...values])),
  };
}

describe('what a trainer learns', () => {
  test('from batches of a prior that come from outside is what it learns from the prior', async () => {
    const { drawn } = problem();
    const own = trainer({ prior: PRIOR, options: { validateEvery: 0 } });
    const figures = await run(own, 6, { threads: 2, stride: 6 });
    expect(figures.steps).toBe(6);
    expect(figures.layers.length).toBe(LAYERS);
    const outside = trainer({ options: { validateEvery: 0 } });
    const batches = Array.from({ length: 6 }, (_, number) => drawn(number, BATCH));
    // Three batches at once, then one call each; of the last call more than it may take.
    const three = batches.slice(0, 3);
    const data = Float32Array.from(three.flatMap(({ activations }) => [...activations.data]));
    await observe(outside, { data, rows: 3 * BATCH, cols: DIMS }, joined(three.map(({ codes }) => codes)));
    for (const { activations, codes } of batches.slice(3)) await observe(outside, activations, codes, 1);
    expect(await save(outside)).toMatchObject({ 'forward.0': (await save(own))['forward.0'] });
    expect(await finish(outside)).toEqual(await finish(own));
  });

  test.each(['endToEnd', 'layerwise'] as const)('over a stop, %s', async (schedule) => {
    const { drawn } = problem();
    const samples = drawn(7, SAMPLES);
    const given: Given = {
      samples,
      validation: drawn(8, 50),
      options: { schedule, ...(schedule === 'layerwise' && { planned: 4 }) },
    };
    const steps = schedule === 'layerwise' ? 4 * 3 * LAYERS : 20;
    const whole = trainer(given);
    const seen: NativeListaFigures[] = [];
    const last = await run(whole, 1000, { seen });
    expect(last).toMatchObject({ steps, finished: true, stages: schedule === 'layerwise' ? 9 : 1 });
    expect(seen.length).toBeGreaterThan(0);
    expect(last.best).toBeLessThan(0);
    const end = await save(whole);
    for (const stop of [0, 1, 9]) {
      const first = trainer(given);
      await run(first, stop, { threads: 2 });
      const second = trainer(given);
      const saved = await save(first);
      native((module) => module.listaTrainerResume(second, saved));
      await run(second, 1000, { threads: 2 });
      const after = await save(second);
      // Figures since the last report are told at other steps.
      for (const name of Object.keys(end))
        if (!['counts', 'numbers', 'errors'].includes(name)) expect(after[name]).toEqual(end[name]);
      expect(await finish(second)).toEqual(await finish(whole));
    }
  });

  test('without codes by λ, and with them of float64', async () => {
    const { drawn } = problem();
    const { activations, codes } = drawn(7, SAMPLES);
    const unsupervised = trainer({ samples: { activations }, options: { lambda: 0.1, every: true } });
    const { layers } = await run(unsupervised, 20);
    // A share of ½‖x‖², which is the objective at zero.
    expect(layers[LAYERS - 1]).toBeLessThan(layers[0] as number);
    for (const one of layers) expect(one > 0 && one < 1).toBe(true);
    const wide = trainer({
      samples: { activations, codes: { ...codes, values: Float64Array.from(codes.values) } },
    });
    const narrow = trainer({ samples: { activations, codes } });
    await run(wide, 10);
    await run(narrow, 10);
    expect(await finish(wide)).toEqual(await finish(narrow));
  });
});

describe('what it refuses', () => {
  const samples = problem().drawn(0, 10);
  const { activations } = samples;

  test('NaN, by row and column, in whatever it is given', async () => {
    const broken = Float32Array.from(activations.data);
    broken[3 * DIMS + 2] = Number.NaN;
    const wrong = { activations: { ...activations, data: broken }, codes: samples.codes };
    await expect(run(trainer({ samples: wrong }), 1)).rejects.toThrow(/activations.*row 3/);
    await expect(run(trainer({ samples, validation: wrong }), 1)).rejects.toThrow(/validation.*row 3/);
    await expect(observe(trainer({}), wrong.activations, wrong.codes)).rejects.toThrow(/activations.*row 3/);
  });

  test('shapes and codes that do not fit', async () => {
    const narrow = { ...activations, data: activations.data.subarray(0, 10 * (DIMS - 1)), cols: DIMS - 1 };
    expect(() => trainer({ samples: { activations: narrow } })).toThrow(
      `activations must have ${DIMS} columns (the atoms' dims), got ${DIMS - 1}`,
    );
    const beyond = Uint32Array.from(samples.codes.indices);
    beyond[beyond.length - 1] = FEATURES;
    expect(() =>
      trainer({ samples: { activations, codes: { ...samples.codes, indices: beyond } } }),
    ).toThrow();
    await expect(run(trainer({ samples: { activations } }), 1)).rejects.toThrow(
      'needs the codes of each batch',
    );
    await expect(run(trainer({ samples, validation: { activations } }), 1)).rejects.toThrow('need codes');
    await expect(finish(trainer({}))).rejects.toThrow('training has not begun');
  });

  test('training that explodes, with its step', async () => {
    await expect(run(trainer({ prior: PRIOR, options: { learningRate: 1e30 } }), 20)).rejects.toThrow(
      /training exploded in step \d+: .* not finite; try a smaller learningRate/,
    );
  });

  test('a second job while one runs, and any after it was disposed', async () => {
    const handle = trainer({ prior: PRIOR, options: { planned: 1e6 } });
    const stop = new AbortController();
    const running = runJob(stop.signal, (onSettled) =>
      binding.listaTrainerFit(handle, 1e6, 100, 1, undefined, onSettled),
    );
    expect(() => native((module) => module.listaTrainerResume(handle, {}))).toThrow('the trainer is busy');
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    native((module) => module.disposeListaTrainer(handle));
    expect(() => native((module) => module.listaTrainerResume(handle, {}))).toThrow(
      'the trainer was disposed',
    );
  });

  test('checkpoints of others', async () => {
    const handle = trainer({ prior: PRIOR });
    native((module) => module.listaTrainerResume(handle, { counts: new BigUint64Array(2) }));
    await expect(run(handle, 1)).rejects.toThrow('the checkpoint is not one of an unrolled network');
  });

  test('a trainer whose first job was cancelled half-way', async () => {
    const handle = trainer({ prior: PRIOR, options: { planned: 1e6 } });
    const stop = new AbortController();
    const running = runJob(stop.signal, (onSettled, guard) =>
      binding.listaTrainerFit(
        ...([handle, 1e6, 1, 1, guard(() => stop.abort(new Error('enough'))), onSettled] as const),
      ),
    );
    await expect(running).rejects.toThrow('enough');
    // The job lets go of the trainer a little later.
    for (const again of [() => run(handle, 1), () => finish(handle), () => save(handle)])
      await vi.waitFor(() =>
        expect(again()).rejects.toMatchObject({
          code: 'ERR_NATIVE',
          message: 'the trainer is spoilt: a job of it failed or was cancelled',
        }),
      );
  });

  test('a trainer whose first job was cancelled in its start, or before it', async () => {
    for (const weights of ['pair', 'layers', 'hyper'] as const)
      for (const wait of [0, 1, 2, 4, 8, 16]) {
        const handle = trainer({ prior: PRIOR, options: { weights, layers: 20, planned: 1e6 } });
        const stop = new AbortController();
        const running = runJob(stop.signal, (onSettled) =>
          binding.listaTrainerFit(handle, 1e6, 100, 1, undefined, onSettled),
        );
        setTimeout(() => stop.abort(new Error('enough')), wait);
        await expect(running).rejects.toThrow('enough');
        // Where the job had not begun, the trainer is as it was.
        await vi.waitFor(async () => {
          const message = await run(handle, 1, { stride: 1 }).then(
            ({ steps }) => `steps: ${steps}`,
            (error: Error) => error.message,
          );
          expect(['steps: 1', 'the trainer is spoilt: a job of it failed or was cancelled']).toContain(
            message,
          );
        });
      }
  });

  test('nothing more once its signal is aborted', async () => {
    const handle = trainer({ prior: PRIOR, options: { planned: 1e6 } });
    const stop = new AbortController();
    const running = runJob(stop.signal, (onSettled) =>
      binding.listaTrainerFit(handle, 1e6, 100, 2, undefined, onSettled),
    );
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(running).rejects.toThrow('enough');
  });
});
