// A dictionary with samples of it, and short training of unrolled networks on them.
import { afterAll } from 'vitest';
import { Dictionary, trainLista } from '../../lib/index.js';
import { drawCodes, unitAtoms } from '../reference/unrolled.js';

export const DIMS = 6;
const FEATURES = 9;
export const atoms = unitAtoms(3, FEATURES, DIMS);
export const dictionary = Dictionary.from(atoms);
afterAll(() => dictionary.dispose());
export const { samples, codes } = drawCodes(4, atoms, { samples: 40, active: 2, snr: 30 });
export const prior = { active: 2 };
const short = { layers: 2, steps: 2, batchSize: 8 };

/** A call of trainLista with these arguments, whatever they are. */
export const train = (x: unknown, options: object, on: unknown = dictionary) =>
  trainLista(x as never, on as never, { ...short, ...options } as never);

/** What is wrong, the source, the options, code and message. */
export type Refused = readonly [what: string, x: unknown, options: object, code: string, message: string];
