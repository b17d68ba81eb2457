// A batch of activations that settles what files leave open: each reading encodes and decodes it, and explained variance decides.
import { UnsuperposeError } from '../../call/errors.js';
import { digits } from '../../call/inspect.js';
import { allocate, type MatrixLike, type NativeMatrix, readMatrix } from '../../call/matrix.js';
import { describe, Options } from '../../call/options.js';
import { defaultThreads } from '../../call/threads.js';
import { runCounted } from '../../native/job.js';
import { binding, native } from '../../native/runtime.js';
import type { NativeAutoencoder } from '../../native/sae.js';
import type { NativeCodes } from '../../native/values.js';
import type { ProbeFigures } from './report.js';

/** A probe batch: see `SparseAutoencoder.load`. A few hundred samples are plenty. */
export interface Probe {
  /** samples × dims: what is encoded. At least 2 samples. */
  readonly activations: MatrixLike;
  /** samples × outputDims: of transcoders, what decoding should give. Default: `activations`, for autoencoders. */
  readonly targets?: MatrixLike | undefined;
}

export interface ReadProbe {
  readonly activations: NativeMatrix;
  readonly targets: NativeMatrix | undefined;
}

export function readProbe(value: unknown): ReadProbe {
  const name = 'probe';
  if (typeof value !== 'object' || value === null)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${name} must be { activations, targets? }, got ${describe(value)}`,
      name,
    );
  const read = new Options(value, ['activations', 'targets'], name);
  const matrix = (field: string): NativeMatrix =>
    readMatrix(read.get(field), `${name}.${field}`, { copy: true });
  const activations = matrix('activations');
  const targets = read.has('targets') ? matrix('targets') : undefined;
  if (activations.rows < 2)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.activations must have at least 2 samples, got ${activations.rows}`,
      name,
    );
  if (targets !== undefined && targets.rows !== activations.rows)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name}.targets must have as many rows as ${name}.activations (${activations.rows}), got ${targets.rows}`,
      name,
    );
  return { activations, targets };
}

/** √dims over the mean norm of samples. */
export function scaleOf({ activations: { data, rows, cols } }: ReadProbe): number {
  let sum = 0;
  for (let i = 0; i < rows; i++)
    sum += Math.sqrt(data.subarray(i * cols, (i + 1) * cols).reduce((all, v) => all + v * v, 0));
  return sum > 0 ? (Math.sqrt(cols) * rows) / sum : 1;
}

/** 1 − Σ‖y − ŷ‖² / Σ‖y − mean‖². */
function explained(y: NativeMatrix, made: Float32Array): number {
  const means = new Float64Array(y.cols);
  y.data.forEach((v, i) => {
    means[i % y.cols] = (means[i % y.cols] as number) + v / y.rows;
  });
  let [error, spread] = [0, 0];
  y.data.forEach((v, i) => {
    error += (v - (made[i] as number)) ** 2;
    spread += (v - (means[i % y.cols] as number)) ** 2;
  });
  if (spread === 0)
    throw new UnsuperposeError(
      'ERR_OPTION',
      'probe: all samples are the same, so nothing can be told from them: give different ones',
      'probe',
    );
  return 1 - error / spread;
}

/** How well this reading encodes and decodes the batch. Targets are the activations, unless it is a transcoder. */
export async function measure(
  own: NativeAutoencoder,
  transcoder: boolean,
  { activations, targets }: ReadProbe,
  signal: AbortSignal | undefined,
): Promise<ProbeFigures> {
  const check = (matrix: NativeMatrix, dims: number, name: string): void => {
    if (matrix.cols !== dims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `probe.${name} have ${matrix.cols} dims, the autoencoder has ${dims}`,
        'probe',
      );
  };
  check(activations, own.inputs, 'activations');
  if (targets !== undefined) check(targets, own.outputs, 'targets');
  const handle = native((module) => module.createAutoencoder(own));
  try {
    const threads = defaultThreads();
    const codes = await runCounted<NativeCodes>(signal, undefined, (report, onSettled) =>
      binding.encode(handle, activations, threads, report, onSettled),
    );
    const l0 = codes.values.length / activations.rows;
    const y = targets ?? (transcoder ? undefined : activations);
    if (y === undefined) return { l0, explainedVariance: Number.NaN };
    const made = allocate(y.rows, y.cols, 'the probe');
    native((module) => module.decodeCodes(handle, codes, y.rows, activations, made, threads));
    return { l0, explainedVariance: explained(y, made) };
  } finally {
    native((module) => module.disposeAutoencoder(handle));
  }
}

/** What looks wrong about the figures of a batch. */
export function warningsOf({ l0, explainedVariance }: ProbeFigures, features: number): string[] {
  const found: string[] = [];
  if (explainedVariance <= 0)
    found.push(
      `explained variance on the probe is ${digits(explainedVariance)}: its mean alone explains more. The activations may be of another layer or scale, or the checkpoint is not what its files say`,
    );
  if (l0 === 0)
    found.push('no feature is active on the probe: its activations may be of another layer or scale');
  if (l0 > features / 4)
    found.push(
      `${digits(l0)} of ${features} features are active in a sample of the probe: its activations may be of another layer or scale, or a threshold or a scale is missing`,
    );
  return found;
}
