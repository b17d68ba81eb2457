// What a trained network makes of samples that nothing was learned from.
import type { NativeMatrix } from '../call/matrix.js';
import { Dictionary } from '../data/dictionary.js';
import { type HeldOutFigures, rowsOf, scoreHeldOut } from '../data/held-out-scores.js';
import { runJob } from '../native/job.js';
import type { NativeLista } from '../native/lista.js';
import { binding, native } from '../native/runtime.js';
import type { NativeUnfolding } from '../native/unfolding.js';
import { UnfoldStatus } from '../unfold/status.js';

export interface Measured {
  readonly figures: HeldOutFigures;
  /** Samples that overflow float32 in the layers: their codes count as zeros. */
  readonly overflowed: readonly number[];
}

/** Undefined where there are no samples. */
export async function measure(
  parameters: NativeLista,
  activations: NativeMatrix | undefined,
  dictionary: Dictionary,
  how: { readonly threads: number; readonly signal: AbortSignal | undefined },
): Promise<Measured | undefined> {
  if (activations === undefined) return undefined;
  const { layers, features } = parameters;
  const { threads, signal } = how;
  const all = { layers, lambda: new Float64Array(0), tolerance: 1, refuseOverflow: false };
  const overflowed: number[] = [];
  const made = Dictionary.handleOf(dictionary);
  const handle = native((module) => module.createLista(parameters));
  const code = async (first: number, rows: number) => {
    const input = rowsOf(activations, first, rows);
    const { codes, status } = await runJob<NativeUnfolding>(signal, (onSettled) =>
      binding.listaUnfold(handle, input, all, threads, undefined, onSettled),
    );
    for (const [i, how] of status.entries()) if (how === UnfoldStatus.diverged) overflowed.push(first + i);
    return { codes, made };
  };
  try {
    return { figures: await scoreHeldOut(activations, features, code, how), overflowed };
  } finally {
    native((module) => module.disposeLista(handle));
  }
}
