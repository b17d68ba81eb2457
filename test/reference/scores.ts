// The figures of an evaluation by plain float64 over dense matrices, all samples at once.
import { dot, norm } from './linear.js';

export interface PlainScores {
  explainedVariance: number;
  normRatio: number;
  l0: number;
  density: number[];
}

/** x, x̂ and codes as rows. */
export function plainScores(
  x: readonly (readonly number[])[],
  again: readonly (readonly number[])[],
  codes: readonly (readonly number[])[],
): PlainScores {
  const n = x.length;
  const dims = x[0]?.length ?? 0;
  const mean = Array.from(
    { length: dims },
    (_, k) => x.reduce((sum, row) => sum + (row[k] as number), 0) / n,
  );
  const squares = (rows: readonly (readonly number[])[], from: (i: number, k: number) => number): number =>
    rows.reduce(
      (sum, row, i) => sum + row.reduce((inner, value, k) => inner + (value - from(i, k)) ** 2, 0),
      0,
    );
  const variance = squares(x, (_, k) => mean[k] as number);
  const residual = squares(x, (i, k) => again[i]?.[k] as number);
  const sizes = x.map((row, i) => [Math.hypot(...row), Math.hypot(...(again[i] as number[]))] as const);
  const counted = sizes.filter(([size]) => size > 0);
  const active = codes.map((row) => row.filter((value) => value !== 0).length);
  return {
    explainedVariance: 1 - residual / variance,
    normRatio: counted.reduce((sum, [size, made]) => sum + made / size, 0) / counted.length,
    l0: active.reduce((sum, count) => sum + count, 0) / n,
    density: (codes[0] ?? []).map((_, j) => codes.filter((row) => row[j] !== 0).length / n),
  };
}

/** Precision, recall and F1 of each feature as a detector of true feature nearest[j], from confusion matrices; 0 where undefined. */
export function plainDetection(
  codes: readonly (readonly number[])[],
  truth: readonly (readonly number[])[],
  nearest: readonly number[],
): { precision: number[]; recall: number[]; f1: number[] } {
  const table = nearest.map((target, j) => {
    const cells = { tp: 0, fp: 0, fn: 0 };
    codes.forEach((row, i) => {
      const [used, there] = [row[j] !== 0, truth[i]?.[target] !== 0];
      if (used && there) cells.tp++;
      if (used && !there) cells.fp++;
      if (!used && there) cells.fn++;
    });
    return cells;
  });
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  const precision = table.map(({ tp, fp }) => share(tp, tp + fp));
  const recall = table.map(({ tp, fn }) => share(tp, tp + fn));
  const f1 = precision.map((p, j) => share(2 * p * (recall[j] as number), p + (recall[j] as number)));
  return { precision, recall, f1 };
}

/** |cos| of all pairs of rows; 0 with a zero row. */
export function plainCosines(a: readonly Float64Array[], b: readonly Float64Array[]): number[][] {
  return a.map((row) =>
    b.map((other) => {
      const size = norm(row) * norm(other);
      return size > 0 ? Math.abs(dot(row, other)) / size : 0;
    }),
  );
}
