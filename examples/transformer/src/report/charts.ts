import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Circuits } from '../circuits.js';
import type { Estimate } from '../senses.js';

export const INK = '#2b2f36';
export const QUIET = '#5f6b76';
const LINE = '#d8d5cd';
const BLUE = '#2f6db3';
const RED = '#c8553d';

/** Draws into a DOM without a browser and returns the SVG's text, with `label` for those who cannot see it. */
function draw(options: Plot.PlotOptions, label: string): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const style = { fontFamily: 'inherit', fontSize: '12px', color: INK, background: 'none' };
  const svg = Plot.plot({ ...options, document: document as unknown as Document, style });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  return svg.outerHTML;
}

/** A line for each representation: how often it is right, by how many of its units are read. */
export interface Curve {
  title: string;
  colour: string;
  points: (Estimate & { units: number })[];
  /** Whether the interval is drawn: bands of all of them would hide each other. */
  band: boolean;
}

const percent = (value: number) => `${(100 * value).toFixed(1)}%`;

export function senseCurves(curves: readonly Curve[]): string {
  const points = curves.flatMap(({ title, points, band }) =>
    points.map((point) => ({
      ...point,
      title,
      band,
      mean: 100 * point.mean,
      low: 100 * point.low,
      high: 100 * point.high,
    })),
  );
  const units = [...new Set(points.map(({ units }) => units))].sort((a, b) => a - b);
  const last = points.filter(({ units: each }) => each === units.at(-1)).sort((a, b) => b.mean - a.mean);
  // Labels beside the lines' ends, moved apart where they would touch.
  const gap = 0.05 * (Math.max(...points.map(({ high }) => high)) - 48);
  let above = Number.POSITIVE_INFINITY;
  const labels = last.map((point) => {
    above = Math.min(point.mean, above - gap);
    return { ...point, at: above };
  });
  return draw(
    {
      ...{ width: 760, height: 400, marginLeft: 48, marginRight: 190, marginBottom: 44, marginTop: 24 },
      x: {
        type: 'log',
        base: 2,
        ticks: units,
        tickFormat: String,
        label: 'strongest units read →',
        grid: false,
      },
      y: { label: '↑ triplets right, %', grid: true },
      color: { domain: curves.map(({ title }) => title), range: curves.map(({ colour }) => colour) },
      marks: [
        Plot.ruleY([50], { stroke: INK, strokeDasharray: '4,3' }),
        Plot.text([{ x: units.at(-1), y: 50 }], {
          x: 'x',
          y: 'y',
          text: ['chance'],
          dx: 9,
          textAnchor: 'start',
          fill: QUIET,
        }),
        Plot.areaY(
          points.filter(({ band }) => band),
          { x: 'units', y1: 'low', y2: 'high', fill: 'title', fillOpacity: 0.1 },
        ),
        Plot.lineY(points, { x: 'units', y: 'mean', stroke: 'title', strokeWidth: 2 }),
        Plot.dot(points, { x: 'units', y: 'mean', fill: 'title', r: 3 }),
        Plot.text(labels, { x: 'units', y: 'at', text: 'title', fill: 'title', textAnchor: 'start', dx: 9 }),
      ],
    },
    `Triplets right by units read: ${last.map(({ title, mean }) => `${title} ${mean.toFixed(1)}%`).join(', ')}`,
  );
}

/** How features are spread over densities. */
export function densities(
  sets: readonly { title: string; colour: string; edges: Float64Array; counts: Float64Array }[],
): string {
  const bars = sets.flatMap(({ title, edges, counts }) =>
    Array.from(counts, (count, i) => ({ title, count, from: edges[i], to: edges[i + 1] })),
  );
  return draw(
    {
      ...{ width: 760, height: 400, marginLeft: 52, marginBottom: 44, marginTop: 20, marginRight: 150 },
      x: {
        type: 'log',
        label: 'share of the tokens at which a feature is active →',
        tickFormat: shareLabel,
        ticks: 5,
      },
      y: { label: '↑ features', grid: true, ticks: 3 },
      fy: { label: null, domain: sets.map(({ title }) => title), padding: 0.25 },
      color: { domain: sets.map(({ title }) => title), range: sets.map(({ colour }) => colour) },
      marks: [
        Plot.rectY(bars, {
          x1: 'from',
          x2: 'to',
          y: 'count',
          fy: 'title',
          fill: 'title',
          insetLeft: 0.5,
          insetRight: 0.5,
        }),
        Plot.ruleY([0]),
      ],
    },
    `How often features are active, ${sets.length} ways of finding them`,
  );
}

const shareLabel = (share: number) => `${Number((100 * share).toPrecision(1))}%`;

const SHADES: [string, string][] = [
  ['1–2 tokens', '#6f9fd0'],
  ['3–7 tokens', '#b9d0e8'],
  ['8–10 tokens', '#e0a458'],
];

/** What features respond to: few tokens, or many. */
export function tokenBars(
  sets: readonly { title: string; one: number; some: number; many: number }[],
): string {
  const bars = sets.flatMap(({ title, one, some, many }) =>
    [one, some, many].map((share, i) => ({ title, share: 100 * share, what: SHADES[i][0] })),
  );
  return draw(
    {
      ...{
        width: 760,
        height: 56 + 38 * sets.length,
        marginLeft: 170,
        marginBottom: 40,
        marginTop: 8,
        marginRight: 20,
      },
      x: { label: 'features, % →', domain: [0, 100] },
      y: { label: null, domain: sets.map(({ title }) => title) },
      color: { domain: SHADES.map(([name]) => name), range: SHADES.map(([, colour]) => colour) },
      marks: [
        Plot.barX(
          bars,
          Plot.stackX({ x: 'share', y: 'title', fill: 'what', order: SHADES.map(([name]) => name) }),
        ),
        Plot.text(
          bars.filter(({ share }) => share >= 6),
          Plot.stackX({
            x: 'share',
            y: 'title',
            z: 'what',
            order: SHADES.map(([name]) => name),
            text: ({ share }: { share: number }) => `${share.toFixed(0)}%`,
            fill: INK,
          }),
        ),
      ],
    },
    `Different tokens among a feature's ten strongest tokens: ${sets.map(({ title, many }) => `${title} ${percent(many)} with eight or more`).join(', ')}`,
  );
}

export const shadeLegend = () => SHADES;

/** Cosines between the sentences of a word, sense after sense: squares on the diagonal where senses are told apart. */
export function similarity(
  alike: readonly Float64Array[],
  senses: readonly string[],
  colours: readonly string[],
): string {
  const n = senses.length;
  // Every word has a scale of its own: how alike its sentences are differs more between words than within one.
  const others = alike.flatMap((row, i) => [...row].filter((_, j) => j !== i));
  const cells = alike.flatMap((row, i) =>
    Array.from(row, (cosine, j) => ({ i, j, cosine: i === j ? Number.NaN : cosine })),
  );
  const side = senses.map((_, i) => ({ i, edge: -1 }));
  return draw(
    {
      ...{ width: 230, height: 230, margin: 2 },
      x: { axis: null, domain: [-1, ...senses.keys()], padding: 0 },
      y: { axis: null, domain: [-1, ...senses.keys()], padding: 0 },
      color: {
        type: 'linear',
        domain: [Math.min(...others), Math.max(...others)],
        range: ['#f7f5ef', '#123e70'],
        clamp: true,
        unknown: '#e9e6df',
      },
      marks: [
        Plot.cell(cells, { x: 'j', y: 'i', fill: 'cosine', inset: 0.5 }),
        ...[...new Set(senses)].flatMap((sense, s) => {
          const own = side.filter(({ i }) => senses[i] === sense);
          return [
            Plot.cell(own, { x: 'edge', y: 'i', fill: colours[s], insetRight: 2 }),
            Plot.cell(own, { x: 'i', y: 'edge', fill: colours[s], insetBottom: 2 }),
          ];
        }),
      ],
    },
    `Cosines of ${n} sentences, in ${new Set(senses).size} senses`,
  );
}

export function strengthHistogram({ histogram: { edges, counts }, bound }: Circuits): string {
  const bars = Array.from(counts, (count, i) => ({
    from: edges[i],
    to: edges[i + 1],
    count: Math.max(count, 0.5),
  }));
  return draw(
    {
      ...{ width: 400, height: 330, marginLeft: 56, marginBottom: 42, marginTop: 24, marginRight: 16 },
      x: { label: 'strength of a pair →', domain: [0, bound * 1.04] },
      y: { type: 'log', label: '↑ pairs', grid: true, ticks: 4, tickFormat: thousands },
      marks: [
        Plot.rect(
          bars.filter(({ count }) => count >= 1),
          { x1: 'from', x2: 'to', y1: 0.5, y2: 'count', fill: BLUE, fillOpacity: 0.75 },
        ),
        Plot.ruleX([bound], { stroke: RED, strokeWidth: 1.5, strokeDasharray: '4,3' }),
        Plot.text([bound], {
          x: (x: number) => x,
          frameAnchor: 'top',
          text: ['proved: none beyond'],
          textAnchor: 'end',
          dx: -5,
          dy: 4,
          fill: RED,
        }),
      ],
    },
    `Histogram of the strengths of all pairs, none above ${bound.toPrecision(3)}`,
  );
}

const thousands = (value: number) => (value >= 1 ? value.toLocaleString('en') : '');

export function predictions({ pairs, correlation }: Circuits): string {
  const named = pairs.map(({ strongest, ...pair }) => ({
    ...pair,
    kind: strongest ? 'strongest' : 'random',
  }));
  const reach =
    1.05 * Math.max(...named.flatMap(({ predicted, measured }) => [Math.abs(predicted), Math.abs(measured)]));
  return draw(
    {
      ...{ width: 400, height: 330, marginLeft: 52, marginBottom: 42, marginTop: 24, marginRight: 16 },
      x: { label: 'by the weights →', domain: [-reach, reach], grid: true, ticks: 5 },
      y: { label: '↑ in the model', domain: [-reach, reach], grid: true, ticks: 5 },
      color: { domain: ['strongest', 'random'], range: [BLUE, RED] },
      marks: [
        Plot.ruleX([0], { stroke: LINE }),
        Plot.ruleY([0], { stroke: LINE }),
        Plot.link([0], {
          x1: -reach,
          y1: -reach,
          x2: reach,
          y2: reach,
          stroke: QUIET,
          strokeDasharray: '4,3',
        }),
        Plot.dot(named, { x: 'predicted', y: 'measured', fill: 'kind', r: 3.2, fillOpacity: 0.7 }),
      ],
    },
    `Predicted and measured effects of ${pairs.length} pairs, correlation ${correlation.toFixed(2)}`,
  );
}

/** How much of each sample is left unexplained, by kind of text. */
export function leftovers(kinds: readonly { title: string; shares: Float64Array }[]): string {
  const points = kinds.flatMap(({ title, shares }) =>
    Array.from(shares, (share) => ({ title, share: 100 * share })),
  );
  return draw(
    {
      ...{
        width: 760,
        height: 60 + 62 * kinds.length,
        marginLeft: 190,
        marginBottom: 42,
        marginTop: 8,
        marginRight: 20,
      },
      x: { label: 'left unexplained, % of the activation →', grid: true, domain: [0, 100] },
      y: { axis: null },
      fy: { label: null, domain: kinds.map(({ title }) => title) },
      marks: [
        Plot.areaY(points, {
          ...Plot.binX({ y: 'proportion-facet' }, { x: 'share', thresholds: 60 }),
          fy: 'title',
          fill: BLUE,
          fillOpacity: 0.35,
          curve: 'basis',
        }),
        Plot.tickX(
          kinds.map(({ title, shares }) => ({
            title,
            median: 100 * [...shares].sort((a, b) => a - b)[shares.length >> 1],
          })),
          { x: 'median', fy: 'title', stroke: RED, strokeWidth: 2 },
        ),
      ],
    },
    `What is left unexplained in ${kinds.length} kinds of text`,
  );
}
