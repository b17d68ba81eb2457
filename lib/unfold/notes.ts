// What an unfolding says of its input.
import { digits } from '../call/inspect.js';
import { type Note, warning } from '../call/notes.js';
import type { Options } from '../call/options.js';
import { Dictionary } from '../data/dictionary.js';

/** Methods that rank atoms as if all had norm 1, whatever norms they have. */
const BLIND_TO_NORMS: readonly string[] = ['omp', 'mp', 'gradient-pursuit'];
/** How far from 1 norms may be without a word: rounding to bfloat16 is less, and λ is off by no more. */
const NORM_TOLERANCE = 0.01;

/** Notes on the dictionary as this method sees it. Weights are taken for an answer to the norms. */
export function notesOf(dictionary: Dictionary, method: string, options: Options): readonly Note[] {
  const [smallest, largest] = Dictionary.normsOf(dictionary);
  const unit = smallest >= 1 - NORM_TOLERANCE && largest <= 1 + NORM_TOLERANCE;
  if (unit || largest === 0 || options.has('weights') || BLIND_TO_NORMS.includes(method)) return [];
  const [low, high] = [digits(smallest), digits(largest)];
  const norms = low === high ? low : `${low} to ${high}`;
  return [
    warning(
      'NOTE_ATOM_NORMS',
      `the atoms have norms of ${norms}, not 1: the larger an atom, the less λ or a threshold weighs on its feature. ` +
        'Dictionary.from(matrix, { normalize: true }) makes them 1',
    ),
  ];
}
