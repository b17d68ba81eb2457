// What a format makes of a checkpoint, before anything is decided that its files do not say.
import type { Floats } from '../../files/arrays.js';
import type { InputNorm, SaeActivation } from '../parameters.js';
import type { TrainingSummary } from '../training.js';
import type { Place } from './place.js';
import type { Settings } from './settings.js';
import { type Grid, type Tensors, turned } from './tensors.js';

/** Formats of autoencoders that are read; see `SparseAutoencoder.load`. */
export type AutoencoderFormat =
  | 'unsuperpose'
  | 'saelens'
  | 'sparsify'
  | 'gemma-scope'
  | 'gemma-scope-2'
  | 'llama-scope'
  | 'r1-distill'
  | 'circuit-tracer'
  | 'dictionary-learning';

/** Parameters as `AutoencoderParameters` has them, in the precision of the file. The encoder of a matching pursuit is its decoder. */
export interface Parts {
  readonly activation: SaeActivation;
  readonly encoder: Grid;
  readonly encoderBias: Floats;
  readonly decoder: Grid;
  readonly decoderBias: Floats;
  readonly subtractDecoderBias: boolean;
  readonly inputNorm: InputNorm;
  readonly k?: number;
  readonly residual?: number;
  readonly stopOnRepeat?: boolean;
  readonly threshold?: Floats;
  readonly logScale?: Floats;
  readonly magnitudeBias?: Floats;
  readonly skip?: Grid;
}

/** Something that was decided in reading. */
export interface Decision {
  /** About what: a tensor, a setting. */
  readonly about: string;
  readonly decided: string;
  /** What told so. */
  readonly from: string;
}

/** One way in which a checkpoint can be read. */
export interface Answer {
  readonly decided: string;
  readonly apply: (parts: Parts) => Parts;
}

/** What the files leave open. */
export interface Question {
  readonly about: string;
  /** What the format says comes first. */
  readonly answers: readonly Answer[];
  /** Why it is refused unless a probe tells; without it the first answer is taken. */
  readonly open?: string;
  /** What the first answer rests on without a probe. */
  readonly from: string;
  /** Whether the answers are a matrix as it is, and turned. */
  readonly turns?: boolean;
  /** Whether it is what `inputScale` answers. */
  readonly scale?: boolean;
}

export interface Draft {
  /** As the format calls it. */
  readonly architecture: string;
  /** Of the program that wrote it, if the files say so. */
  readonly version?: string | undefined;
  /** Are inputs and targets different things? */
  readonly transcoder: boolean;
  readonly parts: Parts;
  readonly questions: readonly Question[];
  /** Once all is decided: what is folded into the parameters. */
  readonly finish?: (parts: Parts) => Parts;
  readonly decisions: readonly Decision[];
  readonly settings: readonly Settings[];
  readonly tensors: readonly Tensors[];
  /** Only our own format has it. */
  readonly training?: TrainingSummary | undefined;
}

/** What a caller adds to the files. */
export interface Given {
  /** By what inputs are multiplied, where a format leaves it to the caller. */
  readonly inputScale: number | undefined;
  readonly layer: number | undefined;
  /** √dims over the mean norm of the probe's samples. */
  readonly probeScale: number | undefined;
}

/** A format that is read: its line in `registry.ts` is all that anyone else knows of it. */
export interface Format {
  readonly name: AutoencoderFormat;
  /** The files that tell it: for messages. */
  readonly files: string;
  matches(place: Place): boolean | Promise<boolean>;
  read(place: Place, given: Given): Promise<Draft>;
}

export const scaled = (values: Floats, by: number): Float64Array => Float64Array.from(values, (v) => v * by);
const gridScaled = ({ data, shape }: Grid, by: number): Grid => ({ data: scaled(data, by), shape });

/** Every row times its own factor. */
export function rowsScaled({ data, shape }: Grid, by: ArrayLike<number>): Grid {
  const [, cols] = shape;
  return { data: Float64Array.from(data, (v, i) => v * (by[Math.floor(i / cols)] as number)), shape };
}

/**
 * Parameters for x, of ones that are for x·s and give ŷ·t: W_enc·s, W_dec/t, b_dec/t. A skip connection reads x·s too.
 * Where b_dec is taken from the input, s and t are the same.
 */
export function foldScale(parts: Parts, s: number, t = s): Parts {
  return {
    ...parts,
    encoder: gridScaled(parts.encoder, s),
    decoder: gridScaled(parts.decoder, 1 / t),
    decoderBias: scaled(parts.decoderBias, 1 / t),
    ...(parts.skip !== undefined && { skip: gridScaled(parts.skip, s / t) }),
  };
}

/** Codes are selected and given times the norms of their decoder rows, which become unit rows. */
export function foldDecoderNorm(parts: Parts): Parts {
  const [features, dims] = parts.decoder.shape;
  const { data } = parts.decoder;
  const norms = new Float64Array(features);
  data.forEach((value: number, i: number) => {
    const j = Math.floor(i / dims);
    norms[j] = (norms[j] as number) + value * value;
  });
  norms.forEach((square, j) => {
    norms[j] = Math.sqrt(square);
  });
  return {
    ...parts,
    encoder: rowsScaled(parts.encoder, norms),
    encoderBias: Float64Array.from(parts.encoderBias, (v, j) => v * (norms[j] as number)),
    decoder: rowsScaled(
      parts.decoder,
      norms.map((norm) => (norm > 0 ? 1 / norm : 0)),
    ),
  };
}

type MatrixName = 'encoder' | 'decoder' | 'skip';

/** A matrix in our orientation, what was decided of it, and what is left open. */
export interface Oriented {
  readonly grid: Grid;
  readonly decisions: readonly Decision[];
  readonly questions: readonly Question[];
}

/**
 * Reads a matrix that is to be [rows, cols] here and that the format stores turned or not. A file that has it the other way round is read by
 * its shape; where both sides are the same, shapes cannot tell.
 */
export async function readOriented(
  tensors: Tensors,
  name: string,
  of: MatrixName,
  [rows, cols]: readonly [number, number],
  stored: 'as here' | 'turned',
  open?: string,
): Promise<Oriented> {
  const storedTurned = stored === 'turned';
  const [first, second] = storedTurned ? [cols, rows] : [rows, cols];
  const raw = await tensors.matrix(name, first, second, true);
  if (rows !== cols) {
    const asFormat = raw.shape[0] === first;
    const grid = asFormat === storedTurned ? turned(raw) : raw;
    const decision = {
      about: name,
      decided: `[${raw.shape.join(', ')}] was turned: this format has it as [${first}, ${second}]`,
      from: 'its shape',
    };
    return { grid, decisions: asFormat ? [] : [decision], questions: [] };
  }
  const grid = storedTurned ? turned(raw) : raw;
  const question: Question = {
    about: name,
    turns: true,
    from: 'the definition of the format: its two sides are the same, so its shape cannot tell',
    ...(open !== undefined && { open }),
    answers: [
      { decided: 'as the format has it', apply: (parts) => parts },
      {
        decided: 'turned, the other way round than the format has it',
        apply: (parts) => ({ ...parts, [of]: turned(parts[of] as Grid) }),
      },
    ],
  };
  return { grid, decisions: [], questions: [question] };
}

/** One value for every feature. */
export const constant = (value: number, features: number): Float64Array =>
  new Float64Array(features).fill(value);
