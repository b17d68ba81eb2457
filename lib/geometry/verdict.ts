// What the numbers of a support say, in a word and in a sentence.
import { NONE } from '../native/values.js';

/**
 * Whether ℓ1 finds a code, with what margin: `'recoverable'`: LASSO finds it for all small λ, and Fuchs's number is below 1 by more than
 * `edge`. `'edge'`: that number is within `edge` of 1, or nothing is proved. `'basis pursuit only'`: for no λ does LASSO find it, but basis
 * pursuit does. `'not recoverable'`: neither does.
 */
export type RecoveryVerdict = 'recoverable' | 'edge' | 'basis pursuit only' | 'not recoverable';

/** What is proved of one program, rounding included: `'undecided'` where it hides the answer, or the search for a proof was too short. */
export type RecoveryProof = 'recovered' | 'not recovered' | 'undecided';

const PROOFS = ['not recovered', 'recovered', 'undecided'] as const;

/** @internal As native code counts them. */
export const proofOf = (value: number | undefined): RecoveryProof => PROOFS[value ?? 2] ?? 'undecided';

const MOST_REASON_DIGITS = 3;
const short = (value: number): string => value.toPrecision(MOST_REASON_DIGITS);

/** @internal One sample. */
export interface Judged {
  readonly lasso: RecoveryProof;
  readonly basisPursuit: RecoveryProof;
  readonly fuchs: number;
  readonly feature: number;
  readonly erc: number;
  readonly active: number;
  readonly noise: number;
}

/** @internal */
export function judge(
  { lasso, basisPursuit, fuchs, feature, erc, active, noise }: Judged,
  edge: number,
): [RecoveryVerdict, string] {
  if (active === 0) return ['recoverable', 'the code is zero'];
  if (Number.isNaN(fuchs)) {
    const atoms = `the ${active} atoms of the support are linearly dependent`;
    return basisPursuit === 'not recovered'
      ? ['not recoverable', atoms]
      : ['edge', `${atoms}, or too nearly for a proof`];
  }
  if (feature === NONE) return ['recoverable', 'no feature off the support correlates with it'];
  const number = `Fuchs's number is ${short(fuchs)} (feature ${feature})`;
  if (fuchs > 1 + edge) {
    const ruledOut = `${number} > 1: LASSO would use feature ${feature}, for every λ`;
    if (basisPursuit === 'recovered')
      return ['basis pursuit only', `${ruledOut}; without noise, basis pursuit returns the code exactly`];
    return basisPursuit === 'not recovered'
      ? ['not recoverable', `${ruledOut}; and basis pursuit finds another code`]
      : ['edge', `${ruledOut}; whether basis pursuit finds the code is undecided`];
  }
  if (lasso !== 'recovered' || fuchs >= 1 - edge)
    return ['edge', `${number}, within ${edge} of 1: a little noise decides`];
  const signs = erc < 1 ? `, and the ERC ${short(erc)} < 1: whatever the signs` : '';
  return ['recoverable', `${number} < 1${signs}; noise of norm up to ${short(noise)} changes nothing`];
}
