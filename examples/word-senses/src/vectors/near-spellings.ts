const MOST_EDITS = 2;

/** Edits (insert, delete, replace, swap two neighbours) from one word to another; Infinity above `limit`. */
export function editDistance(a: string, b: string, limit = MOST_EDITS): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    if (Math.min(...row) > limit) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = row;
  }
  return last[b.length] > limit ? Number.POSITIVE_INFINITY : last[b.length];
}

/** The words spelled most like `word`, the nearest first and the more frequent first among equals. */
export function nearSpellings(word: string, words: readonly string[], count = 5): string[] {
  return words
    .map((candidate, rank) => ({ candidate, rank, edits: editDistance(word, candidate) }))
    .filter(({ edits }) => edits <= MOST_EDITS)
    .sort((a, b) => a.edits - b.edits || a.rank - b.rank)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
