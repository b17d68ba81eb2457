// When runs over a matrix report.

/**
 * Reports of a run, and steps between two at most: who watches a long run is not to wait for a fiftieth of it. The cut is fixed, so that figures do
 * not depend on who listens, or on checkpoints.
 */
const REPORTS = 50;
const MOST_STEPS = 500;

/** Steps from one report to the next. */
export const strideOf = (steps: number): number => Math.min(Math.ceil(steps / REPORTS), MOST_STEPS);

/** Which steps are made now, of how many. */
export interface Stretch {
  /** Steps before these. */
  readonly done: number;
  readonly chunk: number;
  /** In all. */
  readonly steps: number;
}

/** Some steps by calls of `advance` that end where reports are due, with time for `report` there: to look at what there is between two steps. */
export async function fitBetweenReports<Figures>(
  { done, chunk, steps }: Stretch,
  advance: (steps: number) => Promise<Figures>,
  report: (figures: Figures) => Promise<void>,
): Promise<Figures> {
  const stride = strideOf(steps);
  let figures: Figures | undefined;
  for (let at = done; at < done + chunk; ) {
    const to = Math.min(at - (at % stride) + stride, done + chunk);
    figures = await advance(to - at);
    at = to;
    if (at % stride === 0 || at === steps) await report(figures);
  }
  return figures as Figures;
}
