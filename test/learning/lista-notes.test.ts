// What training unrolled networks has to say besides: that nothing was learned or held out, and what overflows.
import { expect, it } from 'vitest';
import { Dictionary, trainLista } from '../../lib/index.js';
import { drawCodes, unitAtoms } from '../reference/unrolled.js';

const DIMS = 24;
const PRIOR = { active: 3, snr: 40 };

const atoms = unitAtoms(7, 48, DIMS);
const dictionary = Dictionary.from(atoms);
const drawn = drawCodes(8, atoms, { samples: 2, ...PRIOR });
const train = drawCodes(9, atoms, { samples: 4000, ...PRIOR });

it('notes that nothing was learned, or held out', async () => {
  const few = { data: train.samples.data.subarray(0, 300 * DIMS), shape: [300, DIMS] as const };
  const run = { layers: 2, steps: 5, batchSize: 32, validation: { share: 1e-9 } };
  // Above λ_max of every sample no codes at all are best.
  const lista = await trainLista(few, dictionary, { ...run, lambda: 100 });
  expect(lista.training?.notes.map(({ code }) => code)).toEqual([
    'NOTE_NOTHING_LEARNED',
    'NOTE_NOTHING_HELD_OUT',
  ]);
  // The first threshold is above what some of the samples had: few others pass it.
  expect((await lista.unfold(few)).codes.indices.length).toBeLessThan(30);
  const other = await trainLista(few, dictionary, { ...run, lambda: 0.1, validation: { share: 0.2 } });
  expect(other.training?.notes).toEqual([]);
});

it('scores what is held out also where a sample is too large for it: codes of zeros', async () => {
  const data = drawn.samples.data.slice(0, 2 * DIMS).fill(1e38, DIMS);
  const validation = { activations: { data, shape: [2, DIMS] as const }, every: 1000 };
  const lista = await trainLista([train.samples], dictionary, { layers: 3, lambda: 0.1, validation });
  const { codes } = await lista.unfold({ data: data.subarray(0, DIMS), shape: [1, DIMS] });
  const heldOut = lista.training?.heldOut;
  expect(heldOut?.samples).toBe(2);
  // Of the sample that overflows all is left: 1e38² a dim. The other's squares are nothing beside that.
  expect(heldOut?.squaredError).toBeCloseTo((DIMS * Math.fround(1e38) ** 2) / 2, -66);
  expect(heldOut?.l0).toBe(codes.indices.length / 2);
  expect(lista.training?.notes).toEqual([
    {
      ...{ code: 'NOTE_HELD_OUT_OVERFLOWED', level: 'warning' },
      message:
        '1 of 2 samples that were held out (1 is the first) overflow float32 in the layers of the network: their codes count as zeros in heldOut',
    },
  ]);
});
