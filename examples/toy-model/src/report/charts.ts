import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Found, Larger, Unfolded } from '../story.js';
import type { Fate, PhaseCell, Plateaus, Shape } from '../sweeps.js';

const INK = '#2b2f36';
const QUIET = '#5f6b76';
const LINE = '#d8d5cd';
const BLUE = '#2f6db3';
const RED = '#c8553d';
const PALETTE = ['#2f6db3', '#c8553d', '#3b8757', '#8a5aa8', '#b07d12'];

/** Draws into a DOM without a browser and returns the SVG's text, with `label` for those who cannot see it. */
function draw(options: Plot.PlotOptions, label: string): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: 'inherit', fontSize: '12px', color: INK, background: 'none' };
  const svg = Plot.plot({ ...options, document: document as unknown as Document, style });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  return svg.outerHTML;
}

/** Where five features point in two dims. */
export function shape({ density, directions }: Shape): string {
  const rays = directions.map(([x, y], i) => ({ x, y, i: String(i), zero: 0 }));
  return draw(
    {
      ...{ width: 230, height: 230, margin: 14 },
      x: { domain: [-1.3, 1.3], axis: null },
      y: { domain: [-1.3, 1.3], axis: null },
      color: { range: PALETTE, domain: rays.map(({ i }) => i) },
      marks: [
        Plot.ruleX([0], { stroke: LINE }),
        Plot.ruleY([0], { stroke: LINE }),
        Plot.link(rays, { x1: 'zero', y1: 'zero', x2: 'x', y2: 'y', stroke: 'i', strokeWidth: 3 }),
        Plot.dot(rays, { x: 'x', y: 'y', fill: 'i', r: 5 }),
      ],
    },
    `Directions of five features in two dims at density ${density}`,
  );
}

const FATES: Record<Fate, string> = {
  ignored: '#e4e1d9',
  'a dim of its own': BLUE,
  'in superposition': RED,
};
const percent = (value: number) => `${Number((100 * value).toPrecision(2))}%`;
const ratio = (value: number) =>
  (value >= 1 ? value.toPrecision(2) : `1/${(1 / value).toPrecision(2)}`).replace(/\.0$/, '');

/** What becomes of the second of two features in one dim. */
export function phaseDiagram(cells: readonly PhaseCell[]): string {
  const densities = [...new Set(cells.map(({ density }) => density))].sort((a, b) => b - a);
  const importances = [...new Set(cells.map(({ importance }) => importance))].sort((a, b) => b - a);
  const counts = Object.keys(FATES).map(
    (fate) => `${cells.filter((cell) => cell.fate === fate).length} ${fate}`,
  );
  return draw(
    {
      ...{ width: 460, height: 400, marginLeft: 70, marginBottom: 52, marginTop: 28 },
      x: { domain: densities, label: 'density: dense → sparse', tickFormat: percent, padding: 0.04 },
      y: {
        domain: importances,
        label: 'importance of the second feature, relative to the first',
        tickFormat: ratio,
        padding: 0.04,
      },
      color: { domain: Object.keys(FATES), range: Object.values(FATES) },
      marks: [Plot.cell(cells, { x: 'density', y: 'importance', fill: 'fate', rx: 3 })],
    },
    `Phase diagram of ${cells.length} models: ${counts.join(', ')}`,
  );
}

export const fateLegend = () => Object.entries(FATES);

const PLATEAUS: [number, string][] = [
  [1, '1'],
  [3 / 4, '3/4'],
  [2 / 3, '2/3'],
  [1 / 2, '1/2'],
  [2 / 5, '2/5'],
  [3 / 8, '3/8'],
];

/** Dimensionality of every feature of every model against sparsity. */
export function plateauChart({ points, features, dims }: Plateaus): string {
  const shown = points.map(({ density, dimensionality }) => ({ sparsity: 1 / density, dimensionality }));
  const most = Math.max(...shown.map(({ sparsity }) => sparsity));
  // 2/5 and 3/8 lie too close together for two labels on one side.
  const labels = PLATEAUS.map(([y, text], i) => ({ y, text, dy: i === 4 ? -5 : i === 5 ? 5 : 0 }));
  return draw(
    {
      ...{ width: 860, height: 400, marginLeft: 52, marginRight: 40, marginBottom: 42, marginTop: 22 },
      x: {
        type: 'log',
        domain: [0.93, most * 1.07],
        label: 'sparsity, 1/density',
        ticks: [1, 2, 5, 10, 20, 50].filter((tick) => tick <= most),
        tickFormat: String,
      },
      y: { domain: [0, 1.05], label: 'dimensionality' },
      marks: [
        Plot.ruleY(PLATEAUS, { y: ([y]) => y, stroke: LINE }),
        ...labels.map((label) =>
          Plot.text([label], {
            y: 'y',
            text: 'text',
            dy: label.dy,
            frameAnchor: 'right',
            textAnchor: 'start',
            dx: 6,
            fill: QUIET,
          }),
        ),
        Plot.dot(shown, { x: 'sparsity', y: 'dimensionality', r: 1.9, fill: BLUE, fillOpacity: 0.3 }),
        Plot.ruleY([0]),
      ],
    },
    `Dimensionality of ${features} features in ${dims} dims at sparsities from 1 to ${most.toFixed(0)}`,
  );
}

/** Cosines of all true features with all learned atoms, atoms in the order of their matches. */
export function matchMatrix({ pairs, recovered }: Found, cosines: readonly number[]): string {
  const n = pairs.length;
  const cells = cosines.map((cosine, at) => ({
    row: Math.floor(at / n),
    column: at % n,
    cosine,
  }));
  return draw(
    {
      ...{ width: 400, height: 400, margin: 36, marginRight: 8, marginTop: 8 },
      x: { axis: null, padding: 0 },
      y: { axis: null, padding: 0 },
      color: { type: 'linear', domain: [-1, 0, 1], range: ['#b5371d', '#f4f2ec', '#123e70'] },
      marks: [
        Plot.cell(cells, { x: 'column', y: 'row', fill: 'cosine' }),
        Plot.text(['learned atoms, each under its match'], {
          frameAnchor: 'bottom',
          dy: 22,
          text: (text: string) => text,
          fill: QUIET,
        }),
        Plot.text(['true features'], {
          frameAnchor: 'left',
          rotate: -90,
          dx: -18,
          text: (text: string) => text,
          fill: QUIET,
        }),
      ],
    },
    `Cosines of ${n} true features with the learned atoms: ${recovered} recovered`,
  );
}

const SCATTER = { width: 400, height: 400, marginLeft: 48, marginBottom: 42, marginTop: 24 };

function scatter<Point>(
  points: readonly Point[],
  x: { value: (point: Point) => number; label: string },
  y: { value: (point: Point) => number; label: string },
  label: string,
): string {
  const most = Math.max(...points.map(x.value), ...points.map(y.value), 0.1);
  const domain = [0, most * 1.04];
  return draw(
    {
      ...SCATTER,
      x: { domain, label: x.label, labelAnchor: 'right', grid: true },
      y: { domain, label: y.label, grid: true },
      marks: [
        Plot.link([0], { x1: 0, y1: 0, x2: domain[1], y2: domain[1], stroke: RED, strokeDasharray: '4,3' }),
        Plot.dot(points, { x: x.value, y: y.value, r: 2, fill: BLUE, fillOpacity: 0.35 }),
      ],
    },
    label,
  );
}

export function recovery({ points, recall, precision }: Unfolded): string {
  return scatter(
    points,
    { value: ({ truth }) => truth, label: 'true feature' },
    { value: ({ value }) => value, label: 'unfolded' },
    `Unfolded against true features: precision ${percent(precision)}, recall ${percent(recall)}`,
  );
}

export function outputs({ points, largest }: Larger): string {
  return scatter(
    points,
    { value: ({ original }) => original, label: 'output of the original model' },
    { value: ({ larger }) => larger, label: 'output of the larger model' },
    `Outputs of both models: at most ${largest.toPrecision(2)} apart`,
  );
}

/** Differences below this are drawn at it: equal outputs have difference 0, which a logarithmic axis lacks. */
const SMALLEST = 1e-9;

export function differenceHistogram({ differences, largest, rms }: Larger): string {
  const exponents = differences.map((difference) => Math.log10(Math.max(difference, SMALLEST)));
  return draw(
    {
      ...SCATTER,
      x: { label: 'difference of the outputs', labelAnchor: 'right', tickFormat: powerOfTen, ticks: 6 },
      y: { label: 'outputs', grid: true },
      marks: [
        Plot.rectY(exponents, {
          ...Plot.binX({ y: 'count' }, { x: (value: number) => value, thresholds: 32 }),
          fill: BLUE,
          fillOpacity: 0.7,
        }),
        Plot.ruleY([0]),
      ],
    },
    `Histogram of the differences of outputs: at most ${largest.toPrecision(2)}, root mean square ${rms.toPrecision(2)}`,
  );
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function powerOfTen(exponent: number): string {
  if (!Number.isInteger(exponent)) return '';
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('');
  return `${exponent === Math.log10(SMALLEST) ? '≤ ' : ''}10${exponent < 0 ? '⁻' : ''}${digits}`;
}
