// What trainLista refuses, and in which words.
import { afterAll, expect, it } from 'vitest';
import { Dictionary, trainLista } from '../../lib/index.js';
import { drawCodes, unitAtoms } from '../reference/unrolled.js';

const DIMS = 6;
const FEATURES = 9;
const atoms = unitAtoms(3, FEATURES, DIMS);
const dictionary = Dictionary.from(atoms);
afterAll(() => dictionary.dispose());
const { samples, codes } = drawCodes(4, atoms, { samples: 40, active: 2, snr: 30 });
const prior = { active: 2 };
const short = { layers: 2, steps: 2, batchSize: 8 };

const train = (x: unknown, options: object, on: unknown = dictionary) =>
  trainLista(x as never, on as never, { ...short, ...options } as never);

const refused: readonly (readonly [string, unknown, object, string, string])[] = [
  [
    'no source',
    3,
    {},
    'ERR_DTYPE',
    'activations must be a matrix { data, shape }, a stream of them, or a prior, { active } or { density }, got 3',
  ],
  [
    'an empty prior',
    {},
    {},
    'ERR_DTYPE',
    'activations must be a matrix { data, shape }, a stream of them, or a prior, { active } or { density }, got an object',
  ],
  [
    'another variant',
    prior,
    { variant: 'fista' },
    'ERR_OPTION',
    'variant must be one of lista, lista-cp, lista-cpss, tilista, alista, alista-at, hyperlista, got "fista"',
  ],
  ['no layers', prior, { layers: 0 }, 'ERR_OPTION', 'layers must be an integer between 1 and 1000, got 0'],
  [
    'half a layer',
    prior,
    { layers: 1.5 },
    'ERR_OPTION',
    'layers must be an integer between 1 and 1000, got 1.5',
  ],
  [
    'selection of lista-cp',
    prior,
    { variant: 'lista-cp', selection: {} },
    'ERR_OPTION',
    'selection is an option of variants lista-cpss, tilista, alista, alista-at, not of variant lista-cp',
  ],
  [
    'selection of hyperlista',
    prior,
    { variant: 'hyperlista', selection: false },
    'ERR_OPTION',
    'selection is an option of variants lista-cpss, tilista, alista, alista-at, not of variant hyperlista, which selects by a number that it learns',
  ],
  [
    'lista-cpss without selection',
    prior,
    { variant: 'lista-cpss', selection: false },
    'ERR_OPTION',
    'selection must be { perLayer, most } with variant lista-cpss (without selection it is lista-cp), got false',
  ],
  [
    'a selection that is none',
    prior,
    { selection: true },
    'ERR_OPTION',
    'selection must be false or { perLayer, most }, got true',
  ],
  [
    'too much selected',
    prior,
    { selection: { most: 101 } },
    'ERR_OPTION',
    'selection.most must be a finite number > 0 and ≤ 100, got 101',
  ],
  [
    'nothing selected',
    prior,
    { selection: { perLayer: 0 } },
    'ERR_OPTION',
    'selection.perLayer must be a finite number > 0 and ≤ 100, got 0',
  ],
  [
    'a part of a selection',
    prior,
    { selection: { share: 1 } },
    'ERR_OPTION',
    'share is not an option of selection; there are: perLayer, most',
  ],
  [
    'a rate of hyperlista',
    prior,
    { variant: 'hyperlista', learningRate: 1 },
    'ERR_OPTION',
    'learningRate is an option of variants that descend gradients, not of variant hyperlista, whose three numbers are searched for',
  ],
  [
    'a loss of hyperlista',
    prior,
    { variant: 'hyperlista', supervise: 'every' },
    'ERR_OPTION',
    'supervise is an option of variants that descend gradients, not of variant hyperlista, whose three numbers are searched for',
  ],
  [
    'memory of hyperlista',
    prior,
    { variant: 'hyperlista', memory: 0 },
    'ERR_OPTION',
    'memory is an option of variants that descend gradients, not of variant hyperlista, whose three numbers are searched for',
  ],
  [
    'patience with nothing held out',
    samples,
    { codes, validation: { share: 0, patience: 5 } },
    'ERR_OPTION',
    'patience is an option of validation of a share > 0, not of validation of a share of 0',
  ],
  [
    'decay over steps that are not known',
    [samples],
    { steps: undefined, lambda: 1, decay: 0.5 },
    'ERR_OPTION',
    'decay is an option of calls with a known number of steps, not of a stream without steps',
  ],
  [
    'validation of null',
    prior,
    { validation: null },
    'ERR_OPTION',
    'validation must be { every, patience }, got null',
  ],
  [
    'patience of null',
    prior,
    { validation: { patience: null } },
    'ERR_OPTION',
    `validation.patience must be an integer between 1 and ${Number.MAX_SAFE_INTEGER}, or Infinity, got null`,
  ],
  [
    'a share of null',
    samples,
    { codes, validation: { share: null } },
    'ERR_OPTION',
    'validation.share must be a finite number ≥ 0 and < 1, got null',
  ],
  [
    'a selection of null',
    prior,
    { selection: null },
    'ERR_OPTION',
    'selection must be false or { perLayer, most }, got null',
  ],
  [
    'codes of null',
    { ...samples, codes },
    { codes: null },
    'ERR_DTYPE',
    'codes must be SparseCodes { indptr, indices, values, shape }, got null',
  ],
  [
    'an item of a stream in place of one',
    { activations: samples, codes },
    {},
    'ERR_DTYPE',
    'activations must be a matrix, a stream or a prior, got { activations, … }, which is an item of a stream: give the matrix itself, and its codes as the option codes',
  ],
  [
    'another schedule',
    prior,
    { schedule: 'both' },
    'ERR_OPTION',
    'schedule must be one of endToEnd, layerwise, got "both"',
  ],
  [
    'decay layer by layer',
    prior,
    { schedule: 'layerwise', decay: 0.1 },
    'ERR_OPTION',
    'decay is an option of schedule endToEnd, not of schedule layerwise',
  ],
  ['λ of 0', prior, { lambda: 0 }, 'ERR_OPTION', 'lambda must be a finite number > 0, got 0'],
  [
    'neither codes nor λ',
    samples,
    {},
    'ERR_OPTION',
    'codes or lambda must be given: true codes of the samples to learn from, or the λ of the objective to learn without them',
  ],
  [
    'both codes and λ',
    samples,
    { codes, lambda: 1 },
    'ERR_OPTION',
    'codes is an option of calls without lambda, not of a call with lambda (give one of the two)',
  ],
  [
    'codes of a prior',
    prior,
    { codes },
    'ERR_OPTION',
    'codes is an option of calls with a matrix, not of a prior, which knows them',
  ],
  [
    'codes of a stream',
    [samples],
    { codes },
    'ERR_OPTION',
    'codes is an option of calls with a matrix, not of a stream (its items may be { activations, codes })',
  ],
  [
    'items without codes',
    [samples],
    {},
    'ERR_OPTION',
    'the items of activations must have true codes, { activations, codes }, unless lambda is given',
  ],
  [
    'items with codes, and λ',
    [{ activations: samples, codes }],
    { lambda: 1 },
    'ERR_OPTION',
    'the items of activations have true codes, which a call with lambda does not learn from: give one of the two',
  ],
  [
    'passes over a prior',
    prior,
    { steps: undefined, epochs: 2 },
    'ERR_OPTION',
    'epochs is an option of calls with a matrix or a stream, not of a prior, which has no end',
  ],
  [
    'passes and steps',
    samples,
    { codes, epochs: 2 },
    'ERR_OPTION',
    'epochs is an option of calls without steps, not of a call with steps (give one of the two)',
  ],
  [
    'a stream layer by layer without steps',
    [samples],
    { steps: undefined, lambda: 1, schedule: 'layerwise' },
    'ERR_OPTION',
    'steps must be given with schedule layerwise and a stream: the most of each stage',
  ],
  [
    'a share of a prior',
    prior,
    { validation: { share: 0.1 } },
    'ERR_OPTION',
    'share is not an option of validation of a prior; there are: every, patience',
  ],
  [
    'a share of everything',
    samples,
    { codes, validation: { share: 1 } },
    'ERR_OPTION',
    'validation.share must be a finite number ≥ 0 and < 1, got 1',
  ],
  [
    'nearly everything held out',
    samples,
    { codes, validation: { share: 0.9999 } },
    'ERR_OPTION',
    'validation.share leaves no sample to learn from: all 40 samples are held out; give more samples, or a smaller share than 0.9999',
  ],
  [
    'no patience',
    prior,
    { validation: { patience: 0 } },
    'ERR_OPTION',
    `validation.patience must be an integer between 1 and ${Number.MAX_SAFE_INTEGER}, or Infinity, got 0`,
  ],
  [
    'validation that is none',
    prior,
    { validation: true },
    'ERR_OPTION',
    'validation must be { every, patience }, got true',
  ],
  [
    'patience with nothing to validate on',
    [samples],
    { lambda: 1, validation: { patience: 5 } },
    'ERR_OPTION',
    'patience is an option of validation with activations, not of validation of a stream without them',
  ],
  [
    'validation without truth',
    [{ activations: samples, codes }],
    { validation: { activations: samples } },
    'ERR_OPTION',
    'validation.codes must be given with validation.activations, unless lambda is: training is supervised',
  ],
  [
    'validation with a truth that is not learned',
    [samples],
    { lambda: 1, validation: { activations: samples, codes } },
    'ERR_OPTION',
    'codes is an option of calls without lambda, not of a call with lambda',
  ],
  [
    'nothing to validate on',
    [samples],
    { lambda: 1, validation: { activations: { data: new Float32Array(0), shape: [0, DIMS] } } },
    'ERR_SHAPE',
    'validation.activations must have at least one sample (row), got none',
  ],
  [
    'validation of other dims',
    [samples],
    { lambda: 1, validation: { activations: { data: new Float32Array(4), shape: [1, 4] } } },
    'ERR_SHAPE',
    'validation.activations have 4 dims, the dictionary has 6',
  ],
  [
    'density and active',
    { density: 0.1, active: 1 },
    {},
    'ERR_OPTION',
    'density and active exclude each other: give one of the two',
  ],
  [
    'too many active',
    { active: 10 },
    {},
    'ERR_OPTION',
    'active must be a finite number > 0 and ≤ 9 (features), got 10',
  ],
  ['a density of 0', { density: 0 }, {}, 'ERR_OPTION', 'density must be a finite number > 0 and ≤ 1, got 0'],
  [
    'other values',
    { active: 1, values: 'laplace' },
    {},
    'ERR_OPTION',
    'values must be one of normal, uniform, exponential, one, got "laplace"',
  ],
  [
    'signs of normal values',
    { active: 1, randomSigns: false },
    {},
    'ERR_OPTION',
    'randomSigns is an option of values uniform, exponential, one, not of values normal',
  ],
  [
    'signs of values ≥ 0',
    { active: 1, values: 'one', randomSigns: true },
    { nonnegative: true },
    'ERR_OPTION',
    'randomSigns must be false with nonnegative, got true',
  ],
  [
    'noise without measure',
    { active: 1, snr: Number.NaN },
    {},
    'ERR_OPTION',
    'snr must be a finite number of dB, or Infinity, got NaN',
  ],
  [
    'an unknown part of a prior',
    { active: 1, sparsity: 2 },
    {},
    'ERR_OPTION',
    'sparsity is not an option of a prior; there are: density, active, values, randomSigns, snr',
  ],
  [
    'samples of other dims',
    { data: new Float32Array(8), shape: [2, 4] },
    { lambda: 1 },
    'ERR_SHAPE',
    'activations have 4 dims, the dictionary has 6',
  ],
  [
    'no samples',
    { data: new Float32Array(0), shape: [0, DIMS] },
    { lambda: 1 },
    'ERR_SHAPE',
    'activations must have at least one sample (row), got none',
  ],
  ['a stream that is empty', [], { lambda: 1 }, 'ERR_SHAPE', 'activations gave no samples to train on'],
  [
    'fewer codes than samples',
    { data: samples.data.subarray(0, 2 * DIMS), shape: [2, DIMS] },
    { codes },
    'ERR_SHAPE',
    'codes have 40 samples, activations have 2',
  ],
  [
    'codes of other features',
    samples,
    { codes: { ...codes, shape: [40, 12] } },
    'ERR_SHAPE',
    'codes have 12 features, the dictionary has 9',
  ],
  [
    'codes that are none',
    samples,
    { codes: samples },
    'ERR_DTYPE',
    'codes must be SparseCodes { indptr, indices, values, shape }, got a matrix { data, shape }',
  ],
  [
    'memory that is none',
    prior,
    { memory: -1 },
    'ERR_OPTION',
    `memory must be an integer between 0 and ${Number.MAX_SAFE_INTEGER}, got -1`,
  ],
  [
    'no batch',
    prior,
    { batchSize: 0 },
    'ERR_OPTION',
    `batchSize must be an integer between 1 and ${2 ** 31 - 1}, got 0`,
  ],
  ['another clip', prior, { clip: 0 }, 'ERR_OPTION', 'clip must be a finite number > 0, got 0'],
  [
    'another loss',
    prior,
    { supervise: 'first' },
    'ERR_OPTION',
    'supervise must be one of last, every, got "first"',
  ],
];

it.each(refused)('%s is refused', async (_, x, options, code, message) => {
  await expect(train(x, options)).rejects.toMatchObject({ code, message });
});

it('what is no option is refused by its name', async () => {
  await expect(train(prior, { sparsity: 3 })).rejects.toThrow(/^sparsity is not an option of trainLista/);
});

it('a dictionary that is none, or disposed, is refused', async () => {
  await expect(train(prior, {}, atoms)).rejects.toMatchObject({ code: 'ERR_DTYPE' });
  const gone = Dictionary.from(atoms);
  gone.dispose();
  await expect(train(prior, {}, gone)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  const going = Dictionary.from(atoms);
  const call = train(prior, {}, going);
  going.dispose();
  await expect(call).resolves.toMatchObject({ layers: 2 });
});

it('negative true codes are refused with nonnegative, by their sample', async () => {
  const at = codes.values.findIndex((v) => v < 0);
  const row = codes.indptr.findIndex((begin) => begin > at) - 1;
  await expect(train(samples, { codes, nonnegative: true })).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: `codes must be ≥ 0 with nonnegative, got ${codes.values[at]} in sample ${row}`,
  });
});
