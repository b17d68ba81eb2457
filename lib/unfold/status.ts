// How samples end.
/** How a sample ended; the values of {@link Unfolding.status}. */
export const UnfoldStatus = {
  /** The tolerance (convex methods) or the stopping rule (pursuits) was met. */
  converged: 0,
  /** The limit of iterations came first. */
  iterationLimit: 1,
  /** float32 codes cannot come closer (convex methods), or no independent atom is left (pursuits). */
  stalled: 2,
  /** The iteration grew (amp, iht): the answer is the best code met. */
  diverged: 3,
  /** No code comes as close as `epsilon` (bpdn). */
  infeasible: 4,
} as const;
