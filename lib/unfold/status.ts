// How samples end.

/** Values by name. */
const STATUS = {
  /** The tolerance (convex methods) or the stopping rule (pursuits) was met. */
  converged: 0,
  /** The limit of iterations came first. */
  iterationLimit: 1,
  /** float32 codes cannot come closer (convex methods), or no independent atom is left (pursuits). */
  stalled: 2,
  /** The iteration grew (amp, iht): the answer is the best code met. A `Lista` with `overflow: 'zero'`: the sample overflowed, and has no codes. */
  diverged: 3,
  /** No code comes as close as `epsilon` (bpdn). */
  infeasible: 4,
} as const;

/** The name of a status. */
export type UnfoldStatusName = keyof typeof STATUS;

/** The values of {@link UnfoldStatus}. */
export type UnfoldStatusValue = (typeof STATUS)[UnfoldStatusName];

/**
 * How a sample ended; the values of {@link Unfolding.status}, by name, and their names, by value.
 *
 * @example
 * ```ts
 * import { Dictionary, UnfoldStatus, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const { status } = unfoldSync({ data: Float32Array.of(3, -4), shape: [1, 2] }, dictionary, { lambda: 1 });
 * console.log(UnfoldStatus[status[0]], status[0] === UnfoldStatus.converged); // → converged true
 * ```
 */
export const UnfoldStatus: typeof STATUS & { readonly [value: number]: UnfoldStatusName } = STATUS;

// Not enumerable, so that whoever lists the statuses meets each of them once.
for (const [name, value] of Object.entries(STATUS))
  Object.defineProperty(STATUS, value, { value: name, enumerable: false });
