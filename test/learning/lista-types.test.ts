// What the types of trainLista refuse: the same that is refused when it runs.
import { afterAll, expect, it } from 'vitest';
import { Dictionary, trainLista } from '../../lib/index.js';
import { drawCodes, unitAtoms } from '../reference/unrolled.js';

const atoms = unitAtoms(3, 9, 6);
const dictionary = Dictionary.from(atoms);
afterAll(() => dictionary.dispose());
const { samples, codes } = drawCodes(4, atoms, { samples: 40, active: 2, snr: 30 });
const prior = { active: 2 };

it('mixes of options that exclude each other', async () => {
  const calls = [
    // @ts-expect-error
    () => trainLista(samples, dictionary, { steps: 2 }),
    // @ts-expect-error
    () => trainLista(samples, dictionary, { codes, lambda: 1, steps: 2 }),
    // @ts-expect-error
    () => trainLista(samples, dictionary, { codes, steps: 2, epochs: 2 }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { epochs: 2 }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { codes, steps: 2 }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { variant: 'hyperlista', learningRate: 1 }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { variant: 'hyperlista', schedule: 'endToEnd' }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { variant: 'hyperlista', supervise: 'every' }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { variant: 'lista-cp', selection: {} }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { variant: 'lista-cpss', selection: false }),
    // @ts-expect-error
    () => trainLista(prior, dictionary, { schedule: 'layerwise', decay: 0.1 }),
    // @ts-expect-error
    () => trainLista([samples], dictionary, { lambda: 1, schedule: 'layerwise' }),
    // @ts-expect-error
    () => trainLista([samples], dictionary, { lambda: 1, decay: 0.1 }),
  ];
  for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject({ code: 'ERR_OPTION' });
});

it('no mixes that fit', async () => {
  const short = { layers: 2, steps: 1, batchSize: 8 };
  for (const variant of ['alista', 'lista-cpss', 'hyperlista'] as const)
    expect((await trainLista(prior, dictionary, { ...short, variant })).variant).toBe(variant);
  const beside = await trainLista({ ...samples, codes }, dictionary, short);
  const given = await trainLista(samples, dictionary, { ...short, codes, schedule: 'endToEnd', decay: 0.2 });
  expect(beside.parameters()).toEqual(given.parameters());
});
