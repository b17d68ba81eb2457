// Guessed and exact codes on a problem small enough to be trained in no time, and what the report makes of them.
import { Dictionary, type Matrix } from 'unsuperpose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Amortised, compareAmortised, type Way } from '../src/amortised.js';
import { amortisedSection, reading } from '../src/report/amortised.js';
import { namedDots } from '../src/report/charts.js';
import type { AmortisedSettings } from '../src/settings.js';
import { TOLERANCE } from '../src/settings.js';

const DIMS = 12;
const ATOMS = 24;
const LAMBDA = 0.1;

/** Fixed numbers in (0, 1) without a pattern that matters. */
let state = 7;
const draw = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state + 0.5) / 2 ** 32;
};
const atoms = Float32Array.from({ length: ATOMS * DIMS }, () => draw() - 0.5);

/** Sums of two atoms. */
function sums(words: number): Matrix<Float32Array> {
  const data = new Float32Array(words * DIMS);
  for (let i = 0; i < words; i++)
    for (const atom of [Math.floor(draw() * ATOMS), Math.floor(draw() * ATOMS)])
      for (let k = 0; k < DIMS; k++) data[i * DIMS + k] += atoms[atom * DIMS + k];
  return { data, shape: [words, DIMS] };
}

const SETTINGS: AmortisedSettings = {
  autoencoder: { sparsity: 2, steps: 100, learningRate: 1e-2 },
  networks: [
    { name: 'two layers', variant: 'lista-cp', layers: 2, steps: 40, learningRate: 1e-3 },
    { name: 'fixed weights', variant: 'alista', selection: false, layers: 2, steps: 40, learningRate: 1e-2 },
  ],
  ...{ batchSize: 64, seed: 1, repeats: 1 },
};

describe('guessed and exact codes', () => {
  let made: Amortised;
  const seen: number[] = [];
  const way = (name: string) => made.ways.find((one) => one.name === name) as Way;
  beforeAll(async () => {
    using dictionary = Dictionary.from({ data: atoms, shape: [ATOMS, DIMS] }, { normalize: true });
    const penalty = { lambda: LAMBDA, nonnegative: true };
    made = await compareAmortised(sums(600), sums(80), dictionary, penalty, SETTINGS, (done, total) =>
      seen.push(done / total),
    );
  });

  it('are of all ways, with figures that belong to each', () => {
    expect(made.words).toBe(80);
    expect(made.ways.map(({ kind }) => kind)).toEqual([
      ...['encoder', 'encoder', 'network', 'network', 'exact', 'joined', 'greedy'],
    ]);
    for (const { explainedVariance, microsecondsPerWord } of made.ways) {
      expect(explainedVariance).toBeLessThan(1);
      expect(microsecondsPerWord).toBeGreaterThan(0);
    }
    expect(made.ways.filter(({ training }) => training === undefined).map(({ kind }) => kind)).toEqual([
      ...['exact', 'greedy'],
    ]);
    expect(way('TopK encoder, 2 atoms').atomsPerWord).toBeLessThanOrEqual(2);
  });

  it('have the smallest gap where they are exact, wherever the solver starts', () => {
    const [exact, joined] = [way('Exact LASSO'), way('Exact LASSO from two layers')];
    for (const { gap } of [exact, joined]) expect(gap).toBeLessThanOrEqual(TOLERANCE);
    for (const { kind, gap } of made.ways)
      if (kind === 'network') expect(gap).toBeGreaterThan(exact.gap as number);
    // gaps ≤ ε put both x̂ within √ε·‖x‖ of the one best, so ‖x − x̂‖² within 4√ε·‖x‖² of each other, and a little
    expect(Math.abs(joined.explainedVariance - exact.explainedVariance)).toBeLessThan(
      5 * Math.sqrt(TOLERANCE),
    );
  });

  it('have no gap over other atoms', () => {
    expect('gap' in way('TopK encoder, 2 atoms, its own decoder')).toBe(false);
  });

  it('report how far they are, and never backwards', () => {
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeLessThanOrEqual(1);
  });

  it('stand in the report, with a dash for what there is not', () => {
    const html = amortisedSection(made, LAMBDA);
    expect(html.match(/<tr><th scope="row">/g)).toHaveLength(made.ways.length);
    expect(html.match(/<td>–<\/td>/g)).toHaveLength(3);
    expect(html).toContain('Of 80 words');
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/NaN|undefined/);
  });
});

describe('what is read from the figures', () => {
  const figures = (network: number, exact: number, joined: number): Way[] =>
    [
      ...([
        ['encoder', 1, 0.5],
        ['network', network, 0.1],
        ['exact', exact, 1e-7],
      ] as const),
      ...([['joined', joined, 1e-7]] as const),
    ].map(([kind, microsecondsPerWord, gap]) => ({
      ...{ name: kind, kind, explainedVariance: 0.5, atomsPerWord: 2, gap, microsecondsPerWord },
    }));

  it.each([
    [10, 40, 20, /0\.5 times as long .* so as a start the network pays\./],
    [10, 20, 30, /1\.5 times as long .* does not pay; alone it is faster and further from/],
    [30, 20, 50, /2\.5 times as long .* does not pay; alone it is slower and further from/],
  ])('says whether a network pays: %i and %i µs, %i together', (network, exact, joined, said) => {
    expect(reading(figures(network, exact, joined)).replaceAll('\n', ' ')).toMatch(said);
  });

  it('has a place for each name, none on another', () => {
    const dots = namedDots(figures(10, 20, 30));
    expect(dots.map(({ way }) => way.kind)).toEqual(['encoder', 'network', 'exact', 'joined']);
    for (const [i, { named, exponent }] of dots.entries()) {
      expect(named).toBeLessThanOrEqual(exponent);
      if (i > 0) expect(dots[i - 1].named - named).toBeGreaterThan(0.5);
    }
  });
});
