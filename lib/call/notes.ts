// What an answer has to say besides its numbers. Nothing is printed: notes come with the answer.

/**
 * Codes of notes, which are stable; messages are not.
 *
 * - `NOTE_ATOM_NORMS`: atoms of norms other than 1, where the method's options count on unit atoms
 * - `NOTE_DEAD_ATOMS`: learned atoms that no sample has used
 * - `NOTE_DEAD_FEATURES`: features of an autoencoder that no sample used at the end of training
 * - `NOTE_NOTHING_HELD_OUT`: a share of the samples was to be held out, and no sample was drawn
 * - `NOTE_HELD_OUT_OVERFLOWED`: held-out samples that overflow float32 in the trained network: their codes count as zeros in the figures
 * - `NOTE_STARTED_FROM_ZERO`: codes to start from could not be proposed for samples that overflowed float32 there
 * - `NOTE_NOTHING_LEARNED`: an unrolled network whose codes are no better than no codes at all, an autoencoder that makes less of the samples than their mean
 * - `NOTE_MEDIAN_UNSETTLED`: the geometric median was cut off before its bound
 * - `NOTE_UPDATED_ON_CPU`: a GPU had no room for what the updates of learned atoms take
 * - `NOTE_LAMBDA_AT_END`: the best λ is the smallest of those that were compared
 */
export type NoteCode =
  | 'NOTE_ATOM_NORMS'
  | 'NOTE_DEAD_ATOMS'
  | 'NOTE_DEAD_FEATURES'
  | 'NOTE_NOTHING_HELD_OUT'
  | 'NOTE_HELD_OUT_OVERFLOWED'
  | 'NOTE_STARTED_FROM_ZERO'
  | 'NOTE_NOTHING_LEARNED'
  | 'NOTE_MEDIAN_UNSETTLED'
  | 'NOTE_UPDATED_ON_CPU'
  | 'NOTE_LAMBDA_AT_END';

/** Something that the answer is worth reading with. */
export interface Note {
  readonly code: NoteCode;
  readonly level: 'warning';
  /** A sentence that says what was met and what can be done about it. */
  readonly message: string;
}

export function warning(code: NoteCode, message: string): Note {
  return { code, level: 'warning', message };
}
