// What trainLista refuses of its options and its dictionary, and in which words.
import { expect, it } from 'vitest';
import { Dictionary } from '../../lib/index.js';
import { atoms, codes, prior, type Refused, samples, train } from './lista-training.js';

const refused: readonly Refused[] = [
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
