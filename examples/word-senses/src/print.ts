import { styleText } from 'node:util';
import { columns, hanging } from './lines.js';
import type { UnfoldedWord } from './senses.js';

/** Senses lighter than this are counted, not listed. */
export const FAINT = 0.02;
const CELLS_AT_FULL_WEIGHT = 30;

/** How right a word's code is, in words. */
export function certificate({ gap, status }: UnfoldedWord): string {
  return status === 'converged'
    ? `gap ${gap.toExponential(1)}`
    : `gap ${gap.toExponential(1)}, not converged (${status})`;
}

export function faintNote(count: number): string {
  return count === 0 ? '' : `and ${count} below ${FAINT}`;
}

export function printWord(unfolded: UnfoldedWord): void {
  const { word, senses, rebuilt } = unfolded;
  const atoms = `${senses.length} ${senses.length === 1 ? 'atom' : 'atoms'}`;
  const facts = `${atoms} · ${Math.round(100 * rebuilt)}% rebuilt · ${certificate(unfolded)}`;
  const head = word.padEnd(10);
  console.log(`\n${styleText('bold', head)} ${styleText('dim', hanging(facts, head.length + 1))}`);
  const listed = senses.filter(({ weight }) => weight >= FAINT);
  const widest = Math.max(...listed.map(({ weight }) => cells(weight)), 1);
  for (const { weight, words } of listed) {
    const bar = '█'.repeat(cells(weight)).padEnd(widest);
    const share = weight.toFixed(2);
    const indent = `  ${share} ${bar} `.length;
    console.log(`  ${share} ${styleText('cyan', bar)} ${hanging(words.join(', '), indent)}`);
  }
  const note = faintNote(senses.length - listed.length);
  if (note) console.log(styleText('dim', `  ${note}`));
}

function cells(weight: number): number {
  const most = Math.floor(columns() / 3); // leaves room for words
  return Math.max(1, Math.min(most, Math.round(weight * CELLS_AT_FULL_WEIGHT)));
}
