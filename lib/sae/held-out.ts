// What a trained autoencoder makes of samples that training has not seen.
import type { NativeMatrix } from '../call/matrix.js';
import { type HeldOutFigures, rowsOf, scoreHeldOut } from '../data/held-out-scores.js';
import { runJob } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeAutoencoder } from '../native/sae.js';
import type { NativeCodes } from '../native/values.js';
import { ofTraining } from './training.js';

/** Undefined where there are no samples. `held`: activations, and targets where these are something else. */
export async function measure(
  parameters: NativeAutoencoder,
  [activations, targets = activations]: readonly NativeMatrix[],
  how: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<HeldOutFigures | undefined> {
  if (activations === undefined || targets === undefined) return undefined;
  const { outputs, features } = parameters;
  const { threads, signal } = how;
  const handle = ofTraining(() => native((module) => module.createAutoencoder(parameters)));
  const code = async (first: number, rows: number) => {
    const input = rowsOf(activations, first, rows);
    const codes = await runJob<NativeCodes>(signal, (onSettled) =>
      binding.encode(handle, input, threads, undefined, onSettled),
    );
    const data = new Float32Array(rows * outputs);
    native((module) => module.decodeCodes(handle, codes, rows, input, data, threads));
    return { codes, made: { data, rows, cols: outputs } };
  };
  try {
    return await scoreHeldOut(targets, features, code, how);
  } finally {
    native((module) => module.disposeAutoencoder(handle));
  }
}
