// Medians and spread of repeated timings.

export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** median absolute deviation from the median */
  readonly mad: number;
  readonly raw: readonly number[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** The quarter and three quarter points of the sorted values, between neighbours in proportion. */
export function quartiles(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] as number;
    const above = sorted[Math.ceil(place)] as number;
    return below + (place - Math.floor(place)) * (above - below);
  };
  return [at(0.25), at(0.75)];
}

export function summarise(values: readonly number[]): Summary {
  const centre = median(values);
  return {
    min: Math.min(...values),
    median: centre,
    max: Math.max(...values),
    mad: median(values.map((value) => Math.abs(value - centre))),
    raw: values,
  };
}
