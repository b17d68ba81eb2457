// Figures of papers on the problem of lista-problem.ts, NMSE in dB, and how near this benchmark is to come.
import type { Published } from './result-lista.js';

const noNoise = Number.POSITIVE_INFINITY;

/** Behrens, Sauder, Jung 2021 (NA-ALISTA) and its logs at 40 and 20 dB; Chen et al. 2018 and Liu et al. 2019 without noise. */
const published: Readonly<Record<string, Readonly<Record<number, Published>>>> = {
  ISTA: {
    40: { byLayer: { 4: -2.78, 8: -4.15, 12: -5.11, 16: -5.77 } },
    20: { byLayer: { 16: -5.72 } },
  },
  "FISTA's point, float64": {
    40: { byLayer: { 4: -3.53, 8: -6.01, 12: -7.37, 16: -7.63 } },
    20: { byLayer: { 16: -7.55 } },
  },
  'lista-cp': { [noNoise]: { atLeast: -40, atMost: -28 } },
  'lista-cpss': { [noNoise]: { atMost: -55 } },
  'alista, selection': {
    [noNoise]: { atMost: -60 },
    40: { byLayer: { 4: -17.48, 8: -32.42, 12: -37.77, 16: -39.07 } },
    20: { byLayer: { 16: -21.08 } },
  },
  'alista-at': {
    40: { byLayer: { 4: -17.32, 8: -32.89, 12: -39.76, 16: -41.97 } },
    20: { byLayer: { 16: -21.8 } },
  },
};

/** Rows with a ridge are compared with what is published without. */
const withoutRidge = (name: string): string => name.replace(/, ridge$/, '');

export const publishedOf = (name: string, snr: number): Published | undefined =>
  published[withoutRidge(name)]?.[snr];

/** How far from the published figure, in dB, is near enough. */
const near: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  ISTA: { 40: 0.15, 20: 0.15 },
  "FISTA's point, float64": { 40: 0.15, 20: 0.15 },
  'alista, selection': { 40: 1, 20: 0.3 },
  'alista-at': { 40: 1 },
};

export type Verdict = 'met' | 'beaten' | 'missed';

/** Of the figures after `layers`, in order; undefined where nothing was asked for. */
export function verdictOf(
  name: string,
  snr: number | null,
  layers: readonly number[],
  nmse: readonly number[],
): Verdict | undefined {
  const level = snr ?? noNoise;
  const bar = publishedOf(name, level);
  if (bar === undefined) return undefined;
  const last = nmse.at(-1) as number;
  if (bar.byLayer === undefined) {
    if (bar.atMost !== undefined && last > bar.atMost) return 'missed';
    return bar.atLeast !== undefined && last < bar.atLeast ? 'beaten' : 'met';
  }
  const margin = near[withoutRidge(name)]?.[level];
  if (margin === undefined) return undefined;
  // Of what is learned, the last layer counts; of the rest, all.
  const learned = name.startsWith('alista');
  const given = Object.entries(bar.byLayer).map(([layer, figure]) => ({ layer: Number(layer), figure }));
  const compared = learned ? given.slice(-1) : given;
  const off = compared.map(({ layer, figure }) => {
    const place = layers.indexOf(layer);
    return place < 0 ? Number.POSITIVE_INFINITY : (nmse[place] as number) - figure;
  });
  if (off.every((difference) => Math.abs(difference) <= margin)) return 'met';
  return learned && off.every((difference) => difference < 0) ? 'beaten' : 'missed';
}
