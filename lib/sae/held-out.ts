// What a trained autoencoder makes of samples that training has not seen.
import type { NativeMatrix } from '../call/matrix.js';
import { runJob } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeAutoencoder } from '../native/sae.js';
import type { NativeCodes } from '../native/values.js';
import type { HeldOutFigures } from './training.js';

/** Samples encoded at a time. */
const AT_ONCE = 1024;

const part = ({ data, cols }: NativeMatrix, first: number, rows: number): NativeMatrix => ({
  data: data.subarray(first * cols, (first + rows) * cols),
  rows,
  cols,
});

/** Undefined where there are no samples. `held`: activations, and targets where these are something else. */
export async function measure(
  parameters: NativeAutoencoder,
  [activations, targets = activations]: readonly NativeMatrix[],
  { threads, signal }: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<HeldOutFigures | undefined> {
  if (activations === undefined || targets === undefined) return undefined;
  const { outputs, features } = parameters;
  const handle = native((module) => module.createAutoencoder(parameters));
  const scores = native((module) => module.createScores(outputs, features, undefined, 0));
  try {
    for (let first = 0; first < activations.rows; first += AT_ONCE) {
      const rows = Math.min(AT_ONCE, activations.rows - first);
      const input = part(activations, first, rows);
      const codes = await runJob<NativeCodes>(signal, (onSettled) =>
        binding.encode(handle, input, threads, undefined, onSettled),
      );
      const data = new Float32Array(rows * outputs);
      native((module) => module.decodeCodes(handle, codes, rows, input, data, threads));
      const made = { data, rows, cols: outputs };
      const target = part(targets, first, rows);
      await runJob<undefined>(signal, (onSettled) =>
        binding.scoresObserve(scores, target, codes, made, undefined, threads, undefined, onSettled),
      );
    }
  } finally {
    native((module) => module.disposeAutoencoder(handle));
  }
  const { samples, variance, residual, used } = native((module) => module.scoresFigures(scores));
  return {
    samples,
    explainedVariance: variance > 0 ? 1 - residual / variance : 0,
    squaredError: residual / samples,
    l0: used.reduce((sum, count) => sum + count, 0) / samples,
    dead: used.reduce((sum, count) => sum + Number(count === 0), 0),
  };
}
