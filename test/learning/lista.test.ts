// Training unrolled networks: that each learns, from every source, to the same bits, beside ISTA and the floor of its own problem.
import { beforeAll, describe, expect, it } from 'vitest';
import { Holdout, takeRows } from '../../lib/data/holdout.js';
import {
  Dictionary,
  type Lista,
  type ListaProgress,
  type ListaVariant,
  type Matrix,
  trainLista,
} from '../../lib/index.js';
import { native } from '../../lib/native/runtime.js';
import { solveLasso } from '../reference/lasso.js';
import { toRows } from '../reference/linear.js';
import {
  bestIsta,
  denseRows,
  drawCodes,
  floorOf,
  ista,
  lassoObjective,
  nmse,
  nmseRange,
  unitAtoms,
} from '../reference/unrolled.js';

const DIMS = 24;
const FEATURES = 48;
const LAYERS = 8;
const PRIOR = { active: 3, snr: 40 };

const atoms = unitAtoms(7, FEATURES, DIMS);
const dictionary = Dictionary.from(atoms);
const drawn = drawCodes(8, atoms, { samples: 500, ...PRIOR });
const train = drawCodes(9, atoms, { samples: 4000, ...PRIOR });
const floor = floorOf(drawn, atoms);
const start = bestIsta(drawn, atoms, LAYERS);

/** All that a network is, to the bit. */
const bits = async (lista: Lista): Promise<unknown> => [
  (await lista.unfold(drawn.samples)).codes,
  lista.parameters(),
  lista.training,
];

const rowsOf = ({ data, shape: [, cols] }: Matrix<Float32Array>, first: number, rows: number) => ({
  data: data.subarray(first * cols, (first + rows) * cols),
  shape: [rows, cols] as const,
});

/** How much of the way from ISTA to the floor, in dB, a network must have gone. */
const BARS: readonly (readonly [ListaVariant, number, object])[] = [
  ['lista', 0.3, { steps: 600, learningRate: 1e-3 }],
  ['lista-cp', 0.25, { steps: 600, learningRate: 1e-3 }],
  ['lista-cpss', 0.35, { steps: 600, learningRate: 1e-3 }],
  ['tilista', 0.35, { steps: 600, learningRate: 1e-3 }],
  ['alista', 0.35, { steps: 600 }],
  ['alista-at', 0.33, { steps: 600 }],
  ['hyperlista', 0.3, { steps: 100 }],
];

describe.each(BARS)('%s', (variant, share, how) => {
  const options = { variant, layers: LAYERS, batchSize: 256, ...how };
  let lista: Lista;
  beforeAll(async () => {
    lista = await trainLista(PRIOR, dictionary, options);
  });

  it('goes part of the way from ISTA of as many layers to the floor', async () => {
    const { codes } = await lista.unfold(drawn.samples);
    const reached = nmse(drawn, codes);
    expect(reached).toBeLessThan(start - share * (start - floor));
    expect(reached).toBeGreaterThan(floor); // it knows less
    const [low, high] = nmseRange(drawn, codes, 1000); // so many samples of the same prior validated it
    expect(lista.training?.best).toBeGreaterThan(low);
    expect(lista.training?.best).toBeLessThan(high);
  });

  it('says how it was trained', () => {
    const { training } = lista;
    expect(training).toMatchObject({ variant, schedule: 'endToEnd', seed: 0, notes: [] });
    expect(training?.samples).toBe(256 * Number(training?.steps));
    expect(training?.layers.length).toBe(LAYERS);
    expect(training?.validated?.length).toBe(LAYERS);
    expect(training?.lambda).toBeUndefined();
    expect(training?.heldOut).toBeUndefined();
    expect(lista.layers).toBe(LAYERS);
  });

  it('gives the same bits for any number of threads and any memory, others for another seed', async () => {
    const short = { ...options, steps: 12, layers: 3, batchSize: 70 };
    const one = await trainLista(train.samples, dictionary, { ...short, codes: train.codes, threads: 1 });
    const three = await trainLista(train.samples, dictionary, {
      ...{
        ...short,
        codes: train.codes,
        threads: 3,
        ...((variant === 'hyperlista' ? {} : { memory: 0 }) as object),
      },
    });
    expect(await bits(three)).toEqual(await bits(one));
    const other = await trainLista(train.samples, dictionary, { ...short, codes: train.codes, seed: 1 });
    expect(other.parameters()).not.toEqual(one.parameters());
  });

  it('trains alike on data of any scale', async () => {
    // Which samples are held out depends on their bits.
    const short = { ...options, steps: 12, layers: 3, batchSize: 70, validation: { share: 0 } };
    const by = (factor: number) => {
      const times = (values: Float32Array) => values.map((v) => v * factor);
      const codes = { ...train.codes, values: times(train.codes.values) };
      const data = times(train.samples.data);
      return trainLista({ data, shape: train.samples.shape }, dictionary, { ...short, codes });
    };
    const one = await by(1);
    const { codes: expected } = await one.unfold(drawn.samples);
    for (const scale of [2 ** 90, 2 ** -90]) {
      const other = await by(scale);
      expect(other.training?.layers).toEqual(one.training?.layers);
      const scaled = { data: drawn.samples.data.map((v) => v * scale), shape: drawn.samples.shape };
      const { codes } = await other.unfold(scaled);
      expect(codes.indices).toEqual(expected.indices);
      expect(codes.values).toEqual(expected.values.map((v) => v * scale));
    }
  });
});

describe('layer-wise', () => {
  it.each(['alista', 'lista-cp'] as const)('%s learns layer after layer', async (variant) => {
    const seen: ListaProgress[] = [];
    const lista = await trainLista(PRIOR, dictionary, {
      ...{ variant, layers: 4, schedule: 'layerwise', steps: 60, batchSize: 128, seed: 3 },
      ...(variant === 'lista-cp' && { learningRate: 2e-3 }),
      onProgress: (now) => seen.push(now),
    });
    const reached = nmse(drawn, (await lista.unfold(drawn.samples)).codes);
    expect(reached).toBeLessThan(bestIsta(drawn, atoms, 4));
    expect(lista.training).toMatchObject({ schedule: 'layerwise', steps: 12 * 60, samples: 12 * 60 * 128 });
    // Reports that come faster than they are told are joined: none is out of order, and the last one is told.
    const stages = seen.map(({ stage }) => stage);
    expect(stages).toEqual(stages.toSorted((a, b) => a - b));
    expect(stages.at(-1)).toBe(11);
    for (const { done, total, stage, stages: all, layers } of seen) {
      expect([total, all]).toEqual([12 * 60, 12]);
      expect(done).toBeLessThanOrEqual(12 * 60);
      // A report at the end of a stage is of what that has trained.
      expect([Math.floor(stage / 3), Math.floor(stage / 3) + 1]).toContain(layers.length);
    }
    expect(lista.training?.layers.length).toBe(4);
  });
});

describe('without true codes', () => {
  it.each(['alista', 'lista-cp'] as const)('%s has a smaller objective than ISTA', async (variant) => {
    const lambda = 0.1;
    const lista = await trainLista(train.samples, dictionary, {
      ...{ variant, layers: 6, lambda, steps: 500, batchSize: 256, supervise: 'last' },
      ...(variant === 'lista-cp' && { learningRate: 2e-3 }),
    });
    const objective = (code: (i: number) => ArrayLike<number>) =>
      lassoObjective(drawn.samples, atoms, lambda, code);
    const learned = objective(denseRows((await lista.unfold(drawn.samples)).codes));
    const steps = objective(ista(drawn.samples, atoms, lambda, 6));
    expect(learned).toBeLessThan(steps);
    // No codes have a smaller one than the LASSO's dual allows.
    const rows = toRows(atoms);
    const least = toRows(drawn.samples).reduce(
      (sum, x) => sum + solveLasso({ x, atoms: rows, lambda }).dual,
      0,
    );
    expect(learned).toBeGreaterThan(least);
    expect(lista.training).toMatchObject({ lambda, notes: [] });
    // What is held out has the figure that is said: relative to the objective of no codes.
    const { held } = new Holdout(0.1, 0).split({ data: train.samples.data, rows: 4000, cols: DIMS });
    const out = takeRows({ data: train.samples.data, rows: 4000, cols: DIMS }, held);
    const rest = { data: out.data as Float32Array, shape: [out.rows, DIMS] as const };
    const codes = denseRows((await lista.unfold(rest)).codes);
    const none = lassoObjective(rest, atoms, lambda, () => new Float64Array(FEATURES));
    expect(Number(lista.training?.heldOut?.loss)).toBeCloseTo(
      lassoObjective(rest, atoms, lambda, codes) / none,
      4,
    );
  });
});

describe('where samples come from', () => {
  const options = { layers: 3, batchSize: 64, steps: 20, seed: 5 };
  const prior = { density: 1 / 16, values: 'normal', randomSigns: true, snr: 40 } as const;
  const batch = (number: number, rows: number) => {
    const made = native((module) =>
      module.listaSamples(
        ...([prior, false, { data: atoms.data, rows: FEATURES, cols: DIMS }, 5] as const),
        ...([number, rows] as const),
      ),
    );
    return {
      activations: { data: made.activations, shape: [rows, DIMS] as const },
      codes: { ...made.codes, shape: [rows, FEATURES] as const },
    };
  };

  it('a prior is the stream of its batches', async () => {
    const drawnAlone = await trainLista({ active: 3, snr: 40 }, dictionary, {
      ...{ ...options, validation: { every: 1000 } },
    });
    const batches = Array.from({ length: 20 }, (_, t) => batch(t, 64));
    const streamed = await trainLista(batches, dictionary, options);
    expect(streamed.training?.layers).toEqual(drawnAlone.training?.layers);
  });

  it('items of a stream may have any number of batches, or their codes beside them', async () => {
    const whole = Array.from({ length: 4 }, (_, t) => batch(t, 192));
    const parts = whole.flatMap(({ activations, codes }) => {
      const at = (i: number) => codes.indptr[i] as number;
      return [0, 64, 128].map((first) => ({
        ...rowsOf(activations, first, 64),
        codes: {
          indptr: codes.indptr.slice(first, first + 65).map((v) => v - at(first)),
          indices: codes.indices.slice(at(first), at(first + 64)),
          values: codes.values.slice(at(first), at(first + 64)),
          shape: [64, FEATURES] as const,
        },
      }));
    });
    const one = await trainLista(whole, dictionary, { layers: 3, batchSize: 64 });
    const other = await trainLista(() => parts, dictionary, { layers: 3, batchSize: 64 });
    expect(other.parameters()).toEqual(one.parameters());
    expect(one.training?.steps).toBe(12);
  });

  it('a matrix holds a share out, which validates and scores', async () => {
    const lista = await trainLista(train.samples, dictionary, { ...options, codes: train.codes });
    const { held, mask } = new Holdout(0.1, 5).split({ data: train.samples.data, rows: 4000, cols: DIMS });
    const taken = takeRows({ data: train.samples.data, rows: 4000, cols: DIMS }, held);
    const out = { data: taken.data as Float32Array, shape: [held.length, DIMS] as const };
    const { codes } = await lista.unfold(out);
    let [error, all] = [0, 0];
    for (const [at, i] of held.entries()) {
      const found = denseRows(codes)(at);
      for (const [j, v] of Array.from(denseRows(train.codes)(i)).entries()) {
        error += (v - Number(found[j])) ** 2;
        all += v * v;
      }
    }
    const heldOut = lista.training?.heldOut;
    expect(heldOut).toMatchObject({ samples: held.length, l0: codes.indices.length / held.length });
    expect(Number(heldOut?.loss)).toBeCloseTo(10 * Math.log10(error / all), 3);
    // Nothing was learned from them: without them the same is learned.
    const kept = Array.from(mask.keys()).filter((i) => mask[i] === 1);
    const rest = takeRows({ data: train.samples.data, rows: 4000, cols: DIMS }, Uint32Array.from(kept));
    const begin = (i: number) => train.codes.indptr[i] as number;
    const span = (values: Uint32Array | Float32Array, i: number) =>
      Array.from(values.subarray(begin(i), begin(i + 1)));
    const ends = [0];
    for (const i of kept) ends.push(Number(ends.at(-1)) + begin(i + 1) - begin(i));
    const alone = await trainLista(
      { data: rest.data as Float32Array, shape: [kept.length, DIMS] },
      dictionary,
      {
        ...options,
        codes: {
          indptr: Uint32Array.from(ends),
          indices: Uint32Array.from(kept.flatMap((i) => span(train.codes.indices, i))),
          values: Float32Array.from(kept.flatMap((i) => span(train.codes.values, i))),
          shape: [kept.length, FEATURES],
        },
        validation: { share: 0 },
      },
    );
    expect(alone.training?.layers).toEqual(lista.training?.layers);
    expect(alone.training).toMatchObject({ notes: [], steps: 20 });
    expect(alone.training?.heldOut).toBeUndefined();
    expect(alone.training?.validated).toBeUndefined();
  });

  it('a stream is validated on what is given', async () => {
    const batches = Array.from({ length: 20 }, (_, t) => batch(t, 64));
    const lista = await trainLista(batches, dictionary, {
      ...options,
      validation: { activations: drawn.samples, codes: drawn.codes },
    });
    const reached = nmse(drawn, (await lista.unfold(drawn.samples)).codes);
    expect(lista.training?.heldOut).toMatchObject({ samples: 500 });
    expect(Number(lista.training?.heldOut?.loss)).toBeCloseTo(reached, 3);
  });
});

it('ends once it has been patient', async () => {
  const run = { layers: 2, batchSize: 32, learningRate: 1e-12, validation: { every: 2, patience: 10 } };
  const lista = await trainLista(PRIOR, dictionary, { ...run, steps: 1000 });
  expect(lista.training?.steps).toBeLessThan(50);
  const stream = () =>
    Array.from({ length: 100 }, (_, i) => ({
      activations: rowsOf(train.samples, 32 * i, 32),
    }));
  const read: number[] = [];
  function* counted() {
    for (const [i, { activations }] of stream().entries()) {
      read.push(i);
      yield activations;
    }
  }
  const streamed = await trainLista(counted, dictionary, {
    ...{ ...run, lambda: 0.1 },
    validation: { ...run.validation, activations: drawn.samples },
  });
  expect(streamed.training?.steps).toBeLessThan(50);
  expect(read.length).toBeLessThan(52);
});

it('tells how far it is', async () => {
  const seen: ListaProgress[] = [];
  const onProgress = (now: ListaProgress): void => {
    seen.push(now);
  };
  const run = { layers: 3, steps: 100, batchSize: 32, onProgress };
  const lista = await trainLista(train.samples, dictionary, { ...run, codes: train.codes });
  expect(seen.at(-1)).toMatchObject({ done: 100, total: 100, stage: 0, stages: 1 });
  const done = seen.map((now) => now.done);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  const { layers, validated, loss, best, gradientNorm } = seen.at(-1) as ListaProgress;
  expect(lista.training).toMatchObject({ layers, validated, loss, best, gradientNorm });
  expect(loss).toBe(layers[2]);
  const reason = new Error('mine');
  await expect(
    trainLista(PRIOR, dictionary, {
      layers: 2,
      onProgress: () => {
        throw reason;
      },
    }),
  ).rejects.toBe(reason);
});

it('tells how far the search of hyperlista is, in a prior and in a stream', async () => {
  const run = { variant: 'hyperlista', layers: 4, batchSize: 256 } as const;
  for (const source of [PRIOR, [train.samples]]) {
    const seen: ListaProgress[] = [];
    const options = { ...run, steps: 2, onProgress: (now: ListaProgress) => seen.push(now) };
    const lista = await trainLista(source as never, dictionary, {
      ...options,
      ...(source === PRIOR ? {} : { lambda: 0.1 }),
    } as never);
    const searching = seen.filter(({ searched }) => searched !== undefined);
    // Reports that come faster than they are told are joined, and the first may be.
    expect(searching.length).toBeGreaterThan(0);
    for (const { done, total, searched = 0, layers, loss, validated } of searching) {
      expect([done, total, validated]).toEqual([0, 2, undefined]);
      expect(searched).toBeGreaterThan(0);
      expect(layers.length).toBe(4);
      expect(loss).toBe(layers[3]);
    }
    const points = searching.map(({ searched = 0 }) => searched);
    expect(points).toEqual(points.toSorted((a, b) => a - b));
    expect(seen.slice(0, searching.length)).toEqual(searching);
    expect(seen.at(-1)).toMatchObject({ done: 2, total: 2 });
    expect(seen.at(-1)).not.toHaveProperty('searched');
    expect(lista.training?.steps).toBe(2);
    // Who listens changes nothing.
    const { onProgress: _, ...quiet } = options;
    const unheard = await trainLista(source as never, dictionary, {
      ...quiet,
      ...(source === PRIOR ? {} : { lambda: 0.1 }),
    } as never);
    expect([unheard.parameters(), unheard.training]).toEqual([lista.parameters(), lista.training]);
  }
  const reason = new Error('mine');
  const throws = (): never => {
    throw reason;
  };
  await expect(trainLista(PRIOR, dictionary, { ...run, onProgress: throws })).rejects.toBe(reason);
});
