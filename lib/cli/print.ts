// What commands print: tables for people, JSON for programs.
import { types } from 'node:util';
import { count, digits } from '../call/inspect.js';

/** Names and values in two columns; rows without a value are left out. */
export function rows(entries: readonly (readonly [string, string | undefined])[], indent = '  '): string[] {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}`);
}

/** A table: a heading, then rows; numbers to the right. */
export function table(
  heading: readonly string[],
  lines: readonly (readonly string[])[],
  indent = '  ',
): string[] {
  const all = [heading, ...lines];
  const widths = heading.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  const numeric = heading.map((_, column) =>
    lines.every((line) => /^[-\d.,e+]*( %)?$/.test(line[column] ?? '')),
  );
  return all.map((line) =>
    `${indent}${line
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column] as number) : cell.padEnd(widths[column] as number),
      )
      .join('  ')}`.trimEnd(),
  );
}

/** 12 of 4,096 (0.29 %) */
export const share = (part: number, whole: number): string =>
  whole === 0 ? count(part) : `${count(part)} of ${count(whole)} (${digits((100 * part) / whole)} %)`;

/** 1 file, 3 files */
export const plural = (number: number, one: string, many = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`;

/** One JSON document: typed arrays as lists, NaN and infinities as null. */
export const json = (value: unknown): string =>
  JSON.stringify(value, (_, entry: unknown) =>
    types.isTypedArray(entry) && !types.isBigInt64Array(entry) && !types.isBigUint64Array(entry)
      ? Array.from(entry as Float64Array)
      : entry,
  );

/** Words of a command line as a shell takes them. */
export const shell = (words: readonly string[]): string =>
  words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');

/** Figures of samples that a learner has not seen, where it had some. */
export function heldOutText({
  heldOut,
}: {
  readonly heldOut?:
    | { readonly samples: number; readonly explainedVariance: number; readonly l0: number }
    | undefined;
}): string | undefined {
  if (heldOut === undefined) return undefined;
  const { samples, explainedVariance, l0 } = heldOut;
  return `${count(samples)} samples: explained variance ${digits(explainedVariance)}, L0 ${digits(l0)}`;
}
