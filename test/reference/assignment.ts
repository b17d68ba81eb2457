// The best one-to-one assignment, twice: by dynamic programming over all subsets, for a few columns, and by Munkres' algorithm
// ("Algorithms for the assignment and transportation problems", 1957) on a whole float64 matrix, with starred and primed zeros. Neither has
// dual variables or shortest paths, which the library's own has.

/** The largest Σ gain[i][column(i)] over different columns; rows ≤ columns ≤ 20. */
export function bestBySubsets(gain: readonly (readonly number[])[]): number {
  const columns = gain[0]?.length ?? 0;
  let best = new Map<number, number>([[0, 0]]); // columns taken by the rows so far → the largest sum
  for (const row of gain) {
    const next = new Map<number, number>();
    for (const [taken, sum] of best)
      for (let j = 0; j < columns; j++) {
        if (taken & (1 << j)) continue;
        const now = taken | (1 << j);
        next.set(now, Math.max(next.get(now) ?? Number.NEGATIVE_INFINITY, sum + (row[j] as number)));
      }
    best = next;
  }
  return Math.max(...best.values());
}

/** The same by Munkres' algorithm: O(n⁴). Rows ≤ columns. */
export function bestByMunkres(gain: readonly (readonly number[])[]): number {
  const n = gain[0]?.length ?? 0;
  const largest = Math.max(0, ...gain.flat());
  // Square: rows that are missing cost the same everywhere.
  const cost = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (gain[i] === undefined ? 0 : largest - (gain[i]?.[j] as number))),
  );
  for (const row of cost) {
    const least = Math.min(...row);
    for (let j = 0; j < n; j++) row[j] = (row[j] as number) - least;
  }
  const star = new Array<number>(n).fill(-1); // of a row: its starred column
  const starOf = new Array<number>(n).fill(-1); // of a column: its starred row
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n && star[i] === -1; j++)
      if (cost[i]?.[j] === 0 && starOf[j] === -1) {
        star[i] = j;
        starOf[j] = i;
      }
  for (;;) {
    const rowCovered = new Array<boolean>(n).fill(false);
    const columnCovered = starOf.map((row) => row !== -1);
    if (columnCovered.every(Boolean)) break;
    const prime = new Array<number>(n).fill(-1);
    for (let augmented = false; !augmented; ) {
      const zero = findZero(cost, rowCovered, columnCovered);
      if (zero === undefined) {
        shift(cost, rowCovered, columnCovered);
        continue;
      }
      const [i, j] = zero;
      prime[i] = j;
      if (star[i] === -1) {
        augment(i, prime, star, starOf);
        augmented = true;
      } else {
        rowCovered[i] = true;
        columnCovered[star[i] as number] = false;
      }
    }
  }
  return gain.reduce((sum, row, i) => sum + (row[star[i] as number] as number), 0);
}

function findZero(cost: number[][], rows: boolean[], columns: boolean[]): [number, number] | undefined {
  for (let i = 0; i < cost.length; i++)
    if (!rows[i]) for (let j = 0; j < cost.length; j++) if (!columns[j] && cost[i]?.[j] === 0) return [i, j];
  return undefined;
}

/** Takes the least uncovered cost off all that is uncovered, and puts it on what is covered twice. */
function shift(cost: number[][], rows: boolean[], columns: boolean[]): void {
  let least = Number.POSITIVE_INFINITY;
  cost.forEach((row, i) => {
    row.forEach((value, j) => {
      if (!rows[i] && !columns[j]) least = Math.min(least, value);
    });
  });
  cost.forEach((row, i) => {
    row.forEach((value, j) => {
      if (!rows[i] && !columns[j]) row[j] = value - least;
      else if (rows[i] && columns[j]) row[j] = value + least;
    });
  });
}

/** Alternates primes and stars from row `from` on, and swaps them. */
function augment(from: number, prime: number[], star: number[], starOf: number[]): void {
  for (let i = from; i !== -1; ) {
    const j = prime[i] as number;
    const next = starOf[j] as number;
    star[i] = j;
    starOf[j] = i;
    i = next;
  }
}
