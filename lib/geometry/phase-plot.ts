// The phase transition as a picture: a few lines of SVG, so that no plotting library has to come along.
import type { PhasePoint } from './phase-curve.js';

export interface PhaseCurve {
  readonly middle: number;
  readonly slope: number;
  readonly predicted: number;
  readonly features: number;
  readonly dims: number;
}

const WIDTH = 640;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 20;
const TOP = 52;
const BOTTOM = 52;
const TICKS = 6;

/** A round step of about `span / TICKS`. */
function step(span: number): number {
  const rough = Math.max(1, span / TICKS);
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10);
}

/** Points with their intervals, the fitted curve, and Donoho and Tanner's threshold as a dashed line. */
export function phasePlot(points: readonly PhasePoint[], curve: PhaseCurve): string {
  const { middle, slope, predicted, features, dims } = curve;
  const counts = points.map(({ active }) => active);
  const known = Number.isFinite(predicted) ? [predicted] : [];
  const low = Math.max(0, Math.min(...counts, ...known) - 1);
  const high = Math.max(...counts, ...known) + 1;
  const x = (k: number): string => (LEFT + ((WIDTH - LEFT - RIGHT) * (k - low)) / (high - low)).toFixed(1);
  const y = (rate: number): string => (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * rate).toFixed(1);
  const text = (at: string, up: string, words: string, more = ''): string =>
    `<text x="${at}" y="${up}" ${more}>${words}</text>`;
  const line = (x1: string, y1: string, x2: string, y2: string, style: string): string =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${style}/>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((rate) => [
    line(x(low), y(rate), x(high), y(rate), 'stroke="#e3e3e3"'),
    text(String(LEFT - 8), y(rate - 0.012), `${100 * rate} %`, 'text-anchor="end"'),
  ]);
  const every = step(high - low);
  const ticks = Array.from(
    { length: Math.floor(high / every) - Math.ceil(low / every) + 1 },
    (_, i) => every * (Math.ceil(low / every) + i),
  ).flatMap((k) => [
    line(x(k), y(0), x(k), y(-0.015), 'stroke="#888"'),
    text(x(k), y(-0.065), String(k), 'text-anchor="middle"'),
  ]);
  const samples = 120;
  const path = Array.from({ length: samples + 1 }, (_, i) => {
    const k = low + ((high - low) * i) / samples;
    return `${i === 0 ? 'M' : 'L'}${x(k)} ${y(1 / (1 + Math.exp(-slope * (k - middle))))}`;
  }).join('');
  const marks = points.map(
    ({ active, found, trials, interval: [bottom, top] }) =>
      line(x(active), y(bottom), x(active), y(top), 'stroke="#0072b2"') +
      `<circle cx="${x(active)}" cy="${y(found / trials)}" r="4" fill="#0072b2"><title>${active} active: ${found} of ${trials} found</title></circle>`,
  );
  const limit = known.map(
    (k) =>
      line(x(k), y(0), x(k), y(1), 'stroke="#d55e00" stroke-width="2" stroke-dasharray="6 4"') +
      text(x(k), String(TOP - 6), `Donoho–Tanner ${k.toFixed(1)}`, 'fill="#d55e00" text-anchor="middle"'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(
      String(LEFT),
      '20',
      `Codes found by ℓ1: ${features} features in ${dims} dims, half at ${middle.toFixed(1)} active`,
      'font-size="14" font-weight="bold"',
    ),
    ...grid,
    ...ticks,
    text(
      String((LEFT + WIDTH - RIGHT) / 2),
      String(HEIGHT - 10),
      'active features in a code',
      'text-anchor="middle"',
    ),
    `<path d="${path}" fill="none" stroke="#0072b2" stroke-opacity="0.6" stroke-width="2"/>`,
    ...limit,
    ...marks,
    '</svg>',
  ].join('\n');
}
