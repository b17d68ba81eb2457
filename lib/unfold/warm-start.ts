// Codes to start from: given, or proposed by what is asked for them.
import { types } from 'node:util';
import { isUnsuperposeError, messageOf, UnsuperposeError } from '../call/errors.js';
import type { Matrix, MatrixLike, NativeMatrix } from '../call/matrix.js';
import { type Note, warning } from '../call/notes.js';
import { describe } from '../call/options.js';
import { type CodesLike, readCodes } from '../data/codes.js';
import type { NativeCodes } from '../native/values.js';
import { UnfoldStatus } from './status.js';

/** Whatever proposes codes over a dictionary, such as a `Lista`. */
export interface CodeProposer {
  /** Those of the dictionary. */
  readonly features: number;
  readonly dims: number;
  /** Codes of samples × dims, as samples × features. */
  unfold(
    activations: MatrixLike,
    options: ProposalOptions & { readonly signal?: AbortSignal | undefined },
  ): PromiseLike<Proposal>;
  /** The same at once. */
  unfoldSync(activations: MatrixLike, options: ProposalOptions): Proposal;
}

/** What a {@link CodeProposer} is asked for. */
export interface ProposalOptions {
  readonly threads: number;
  /** What asks runs on the CPU, and so should this: a solver on a GPU starts from zero, and nobody is asked. */
  readonly device: 'cpu';
  /** Samples that overflow in what proposes should have no codes and the status `diverged`; where it rejects with `ERR_NOT_FINITE` instead, all samples start from zero. */
  readonly overflow: 'zero';
}

/** What a {@link CodeProposer} answers. */
export interface Proposal {
  readonly codes: CodesLike;
  /** {@link UnfoldStatus} values, one a sample: those without codes that are `diverged` are told of in a note. */
  readonly status?: Uint8Array | undefined;
}

/** The proposer, if `warmStart` is one. */
export function proposerOf(value: unknown): CodeProposer | undefined {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return undefined;
  const { unfold, unfoldSync } = value as Partial<CodeProposer>;
  return typeof unfold === 'function' && typeof unfoldSync === 'function'
    ? (value as CodeProposer)
    : undefined;
}

/** Refuses one for another dictionary. */
export function checkProposer(proposer: CodeProposer, features: number, dims: number): void {
  const check = (unit: string, got: unknown, expected: number): void => {
    if (got !== expected)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `warmStart proposes codes for ${describe(got)} ${unit}, the dictionary has ${expected}`,
        'warmStart',
      );
  };
  check('features', proposer.features, features);
  check('dims', proposer.dims, dims);
}

export function readWarmStart(value: unknown, samples: number, features: number): NativeCodes | undefined {
  if (value === undefined) return undefined;
  const start = readCodes(value, 'warmStart', 'ERR_OPTION');
  if (start.samples !== samples || start.features !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `warmStart has the shape [${start.samples}, ${start.features}], expected [${samples}, ${features}]`,
      'warmStart',
    );
  return start.codes;
}

/** The samples as a proposer takes them: a copy of its own, as what it writes there must not be what is solved for. */
const shown = ({ data, rows, cols }: NativeMatrix): Matrix<Float32Array> => ({
  data: data.slice(),
  shape: [rows, cols],
});

/** Codes to start from, or why there are none. */
export interface Start {
  readonly codes: NativeCodes | undefined;
  readonly notes: readonly Note[];
}

/** That some samples have no codes because they overflowed. */
function notesOn(status: unknown, { indptr }: NativeCodes): Note[] {
  if (!types.isUint8Array(status)) return [];
  const all: number[] = [];
  for (let i = 0; i + 1 < indptr.length; i++)
    if (status[i] === UnfoldStatus.diverged && indptr[i] === indptr[i + 1]) all.push(i);
  if (all.length === 0) return [];
  const which =
    all.length === 1
      ? `sample ${all[0]}, which overflows float32 in what proposes and starts`
      : `${all.length} samples (${all[0]} is the first), which overflow float32 in what proposes and start`;
  return [warning('NOTE_STARTED_FROM_ZERO', `warmStart proposed no codes for ${which} from zero`)];
}

/** The codes in what a proposer answers. */
function proposed(answer: unknown, samples: number, features: number): Start {
  if (typeof answer !== 'object' || answer === null)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `warmStart must propose { codes }, got ${describe(answer)}`,
      'warmStart',
    );
  const { codes, status } = answer as { codes: unknown; status: unknown };
  const start = readWarmStart(codes ?? null, samples, features);
  return { codes: start, notes: start === undefined ? [] : notesOn(status, start) };
}

/** Samples that are too large for the proposer need not be so for the solver, which says of itself what is not finite. */
function fromZero(error: unknown): Start {
  if (!isUnsuperposeError(error) || error.code !== 'ERR_NOT_FINITE') throw error;
  const message = `warmStart proposed no codes, so all samples start from zero: ${messageOf(error)}`;
  return { codes: undefined, notes: [warning('NOTE_STARTED_FROM_ZERO', message)] };
}

/** Where proposals are made, and what becomes of samples that overflow there. */
const PROPOSING = { device: 'cpu', overflow: 'zero' } as const;

export async function propose(
  proposer: CodeProposer,
  samples: NativeMatrix,
  features: number,
  options: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<Start> {
  let answer: unknown;
  try {
    answer = await proposer.unfold(shown(samples), { ...options, ...PROPOSING });
  } catch (error) {
    return fromZero(error);
  }
  return proposed(answer, samples.rows, features);
}

export function proposeSync(
  proposer: CodeProposer,
  samples: NativeMatrix,
  features: number,
  threads: number,
): Start {
  let answer: unknown;
  try {
    answer = proposer.unfoldSync(shown(samples), { threads, ...PROPOSING });
  } catch (error) {
    return fromZero(error);
  }
  return proposed(answer, samples.rows, features);
}
