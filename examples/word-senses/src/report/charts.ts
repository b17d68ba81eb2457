import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Way } from '../amortised.js';
import type { LearningPoint } from '../dictionary.js';
import type { Sense } from '../senses.js';

/** One colour a sense, the heaviest first; further senses share the last. Dark enough to be read on white. */
export const SENSE_COLOURS = ['#2f6db3', '#c8553d', '#3b8757', '#8a5aa8', '#b07d12', '#5f6b76'];
const INK = '#2b2f36';
const QUIET = '#5f6b76';
const BAR = '#6f94bf';

export const colourOf = (sense: number) => SENSE_COLOURS[Math.min(sense, SENSE_COLOURS.length - 1)];

/** Draws into a DOM without a browser and returns the SVG's text, with `label` for those who cannot see it. */
function draw(options: Plot.PlotOptions, label: string): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: 'inherit', fontSize: '12px', color: INK, background: 'none' };
  const svg = Plot.plot({ ...options, document: document as unknown as Document, style });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  return svg.outerHTML;
}

const SENSE_HEIGHT = 42;

/** A bar a sense, on an axis that all words share. */
export function senseBars(word: string, senses: readonly Sense[], heaviest: number): string {
  const bars = senses.map(({ weight, words }, i) => ({ weight, name: words[0] ?? '', order: i }));
  const label = bars.map(({ name, weight }) => `${name} ${weight.toFixed(2)}`).join(', ');
  return draw(
    {
      width: 210,
      height: bars.length * SENSE_HEIGHT,
      margin: 0,
      marginRight: 36,
      marginLeft: 1,
      x: { domain: [0, heaviest], axis: null },
      y: { domain: bars.map(({ order }) => order), axis: null, padding: 0 },
      marks: [
        Plot.barX(bars, {
          x: 'weight',
          y: 'order',
          fill: ({ order }) => colourOf(order),
          rx: 2,
          insetTop: 2,
          insetBottom: 24,
        }),
        Plot.text(bars, {
          x: 'weight',
          y: 'order',
          text: ({ weight }) => weight.toFixed(2),
          textAnchor: 'start',
          dx: 5,
          dy: -11,
          fontWeight: 600,
        }),
        Plot.text(bars, { x: 0, y: 'order', text: 'name', textAnchor: 'start', dx: 4, dy: 7, fill: QUIET }),
        Plot.ruleX([0], { stroke: QUIET }),
      ],
    },
    `Weights of the senses of ${word}: ${label}`,
  );
}

const CHART = { width: 380, height: 230, marginLeft: 52, marginBottom: 38, marginTop: 24 };

export function atomsHistogram(atomsPerWord: readonly number[], mean: number): string {
  const counts = new Map<number, number>();
  for (const atoms of atomsPerWord) counts.set(atoms, (counts.get(atoms) ?? 0) + 1);
  const bars = [...counts].map(([atoms, words]) => ({ atoms, words }));
  return draw(
    {
      ...CHART,
      x: { label: 'atoms in the code', labelAnchor: 'right' },
      y: { label: 'words', grid: true },
      marks: [
        Plot.rectY(bars, {
          x1: ({ atoms }) => atoms - 0.5,
          x2: ({ atoms }) => atoms + 0.5,
          y: 'words',
          fill: BAR,
          inset: 0.5,
        }),
        Plot.ruleY([0]),
      ],
    },
    `Histogram of the number of atoms a word: ${mean.toFixed(2)} on average, at most ${Math.max(...counts.keys())}`,
  );
}

/** Gaps below this are drawn at it: an exact code has gap zero, which a logarithmic axis lacks. */
const SMALLEST_GAP = 1e-8;

export function gapHistogram(gaps: readonly number[], tolerance: number): string {
  const exponents = gaps.map((gap) => Math.log10(Math.max(gap, SMALLEST_GAP)));
  const below = gaps.filter((gap) => gap <= tolerance).length;
  return draw(
    {
      ...CHART,
      x: { label: 'duality gap ÷ ½‖x‖²', labelAnchor: 'right', tickFormat: powerOfTen, ticks: 6 },
      y: { label: 'words', grid: true },
      marks: [
        Plot.rectY(exponents, {
          ...Plot.binX({ y: 'count' }, { x: (value: number) => value, thresholds: 30 }),
          fill: BAR,
        }),
        Plot.ruleX([Math.log10(tolerance)], { stroke: '#c8553d', strokeWidth: 1.5, strokeDasharray: '4,3' }),
        Plot.text([Math.log10(tolerance)], {
          x: (value: number) => value,
          frameAnchor: 'top',
          text: () => 'tolerance',
          fill: '#c8553d',
          textAnchor: 'end',
          dx: -5,
          dy: -4,
        }),
        Plot.ruleY([0]),
      ],
    },
    `Histogram of the duality gaps: ${below} of ${gaps.length} words at or below the tolerance ${tolerance}`,
  );
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function powerOfTen(exponent: number): string {
  if (!Number.isInteger(exponent)) return '';
  const lowest = exponent === Math.log10(SMALLEST_GAP) ? '≤ ' : '';
  return `${lowest}10${exponent < 0 ? '⁻' : ''}${[...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('')}`;
}

/** Without its first point: the atoms start as words of the first batch, which they explain all too well. */
export function learningCurve([, ...curve]: readonly LearningPoint[]): string {
  const last = curve[curve.length - 1];
  return draw(
    {
      ...CHART,
      x: { label: 'batches seen', labelAnchor: 'right' },
      y: { label: 'explained variance', grid: true, nice: true },
      marks: [
        Plot.lineY(curve, { x: 'step', y: 'explainedVariance', stroke: SENSE_COLOURS[0], strokeWidth: 1.75 }),
      ],
    },
    `Learning curve: explained variance ${last.explainedVariance.toFixed(3)} after ${last.step} batches`,
  );
}

const WAY_COLOURS: Record<Way['kind'], string> = {
  encoder: SENSE_COLOURS[4],
  network: SENSE_COLOURS[0],
  exact: SENSE_COLOURS[2],
  joined: SENSE_COLOURS[3],
  greedy: SENSE_COLOURS[5],
};

/** Names stand beside the picture, so many decades apart at least, that they do not cover each other. */
const DECADES_BETWEEN = 0.55;

export interface NamedDot {
  way: Way;
  exponent: number;
  /** Where its name stands, on the same scale. */
  named: number;
}

/** Ways that have a gap, the largest first, with a place for each name. */
export function namedDots(ways: readonly Way[]): NamedDot[] {
  let above = Number.POSITIVE_INFINITY;
  return ways
    .flatMap((way) =>
      way.gap === undefined ? [] : [{ way, exponent: Math.log10(Math.max(way.gap, SMALLEST_GAP)) }],
    )
    .sort((a, b) => b.exponent - a.exponent)
    .map((dot) => {
      above = Math.min(dot.exponent, above - DECADES_BETWEEN);
      return { ...dot, named: above };
    });
}

export function gapsByTime(ways: readonly Way[]): string {
  const dots = namedDots(ways);
  const x = ({ way }: NamedDot) => way.microsecondsPerWord;
  const fill = ({ way }: NamedDot) => WAY_COLOURS[way.kind];
  const times = dots.map(x);
  const right = Math.max(...times) * 1.2;
  const lowest = Math.min(Math.log10(SMALLEST_GAP), ...dots.map(({ named }) => named));
  return draw(
    {
      ...{ ...CHART, width: 680, height: 380, marginRight: 240 },
      x: {
        ...{ type: 'log', domain: [Math.min(...times) / 1.2, right], ticks: 5, tickFormat: '~r' },
        ...{ label: 'µs a word, one thread', labelAnchor: 'right' },
      },
      y: {
        ...{ domain: [lowest, 0.5], ticks: 9, tickFormat: powerOfTen, grid: true },
        label: 'mean duality gap ÷ ½‖x‖²',
      },
      marks: [
        Plot.link(dots, {
          ...{ x1: x, y1: 'exponent', x2: right, y2: 'named' },
          ...{ stroke: fill, strokeOpacity: 0.35, dx: 2 },
        }),
        Plot.dot(dots, { x, y: 'exponent', r: 5, fill }),
        Plot.text(dots, {
          ...{ x: right, y: 'named', text: ({ way }: NamedDot) => way.name },
          ...{ textAnchor: 'start', dx: 8, fill },
        }),
      ],
    },
    `Time against gap: ${dots.map(({ way }) => `${way.name} ${way.microsecondsPerWord.toFixed(0)} µs, gap ${way.gap?.toExponential(1)}`).join('; ')}`,
  );
}
