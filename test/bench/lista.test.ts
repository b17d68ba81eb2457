// The benchmark of unrolled networks: that its problem is the published one, and what finishes codes by least squares.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debias, oracle } from '../../bench/debias.js';
import { listaPlans, runListaParts } from '../../bench/lista-plans.js';
import {
  decibels,
  drawKnown,
  errorsOf,
  type KnownCodes,
  type ListaProblem,
  makeProblem,
  publishedShape,
} from '../../bench/lista-problem.js';
import { plainAmp, plainFista, plainIsta } from '../../bench/plain-shrinkage.js';
import { listaPlot } from '../../bench/plots-lista.js';
import { verdictOf } from '../../bench/published.js';
import { listaSection } from '../../bench/report-lista.js';
import type { ListaResult, ListaRow } from '../../bench/result-lista.js';
import { bayesBound } from '../../bench/state-evolution.js';
import { summarise } from '../../bench/statistics.js';
import { type GramMatrix, gramOf, SupportFit } from '../../bench/support-fit.js';
import { ops, SparseCodes, unfoldSync } from '../../lib/index.js';
import { leastSquares } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

let problem: ListaProblem;
let gram: GramMatrix;
beforeAll(() => {
  problem = makeProblem(publishedShape, 1);
  gram = gramOf(problem);
});
afterAll(() => problem.dictionary.dispose());

const sample = ({ x }: KnownCodes, i: number): Float32Array =>
  x.data.subarray(i * x.shape[1], (i + 1) * x.shape[1]);

describe('the problem', () => {
  const layers = 16;
  const at = [4, 8, 12, 16];

  /** NMSE of what `iterate` gives, after the layers above. */
  function figures(known: KnownCodes, iterate: (x: Float32Array) => Float64Array[]): number[] {
    const [samples] = known.codes.shape;
    const error = new Float64Array(layers);
    let energy = 0;
    for (let i = 0; i < samples; i++) {
      const { indices, values } = known.codes.row(i);
      const truth = new Float64Array(problem.features);
      indices.forEach((j, k) => {
        truth[j] = values[k] as number;
        energy += (values[k] as number) ** 2;
      });
      iterate(sample(known, i)).forEach((code, k) => {
        error[k] =
          (error[k] as number) + code.reduce((sum, v, j) => sum + (v - (truth[j] as number)) ** 2, 0);
      });
    }
    return at.map((layer) => decibels((error[layer - 1] as number) / energy));
  }

  it('is the published one: ISTA and the points of FISTA come within 0.15 dB of its figures', () => {
    const known = drawKnown(problem, 200, 40, 5);
    const plain = { problem, lipschitz: ops.spectralNorm(problem.dictionary) ** 2 };
    const ista = figures(known, (x) => plainIsta(plain, x, 0.4, layers));
    const fista = figures(known, (x) => plainFista(plain, x, 0.4, layers).points);
    [-2.78, -4.15, -5.11, -5.77].forEach((published, i) => {
      expect(Math.abs((ista[i] as number) - published)).toBeLessThan(0.15);
    });
    [-3.53, -6.01, -7.37, -7.63].forEach((published, i) => {
      expect(Math.abs((fista[i] as number) - published)).toBeLessThan(0.15);
    });
  });

  it('has noise of the level asked for, and the same codes at each', () => {
    const [none, some] = [Number.POSITIVE_INFINITY, 20].map((snr) => drawKnown(problem, 50, snr, 6)) as [
      KnownCodes,
      KnownCodes,
    ];
    expect([...none.codes.values]).toEqual([...some.codes.values]);
    const noise = some.x.data.reduce((sum, v, i) => sum + (v - (none.x.data[i] as number)) ** 2, 0);
    const signal = none.x.data.reduce((sum, v) => sum + v * v, 0);
    // 12,500 normal entries of noise, weighed by 50 samples' own energies: some 2 % (1 deviation), 0.1 dB
    expect(Math.abs(decibels(noise / signal) + 20)).toBeLessThan(0.5);
  });

  it('errors are those of all entries, on and off the true support', () => {
    const codes = (indices: number[], values: number[]) =>
      SparseCodes.from({
        ...{ indptr: Uint32Array.of(0, indices.length), indices: Uint32Array.from(indices) },
        ...{ values: Float32Array.from(values), shape: [1, 4] },
      });
    const { nmse, squared } = errorsOf(codes([0, 2], [1, 2]), codes([1, 2], [3, 4]));
    expect([...squared]).toEqual([1 + 9 + 4]);
    expect(nmse).toBeCloseTo(decibels(14 / 25), 12);
  });

  it('unfold with amp is the plain iteration', () => {
    const known = drawKnown(problem, 4, 40, 8);
    const { codes } = unfoldSync(known.x, problem.dictionary, {
      ...{ method: 'amp', thresholdFactor: 1.4, maxIterations: 5, tolerance: 1e-14 },
    });
    for (let i = 0; i < 4; i++) {
      const plain = plainAmp(problem, sample(known, i), 1.4, 5).at(-1) as Float64Array;
      const { indices, values } = codes.row(i);
      const dense = new Float64Array(problem.features);
      indices.forEach((j, k) => {
        dense[j] = values[k] as number;
      });
      // float32 products of 250 terms, five times over
      plain.forEach((v, j) => {
        expect(Math.abs(v - (dense[j] as number))).toBeLessThan(1e-4);
      });
    }
  });
});

describe('finishing by least squares', () => {
  it('fits as a plain least squares does, whatever entered and left before', () => {
    const random = makeRandom(3);
    const x = Float64Array.from({ length: problem.dims }, () => random.normal());
    const fit = new SupportFit(gram, x, 40);
    for (const j of random.choose(40, problem.features)) fit.add(j);
    for (const place of [3, 0, 20, 36]) fit.remove(place);
    expect(fit.members).toHaveLength(36);
    const rows = fit.members.map((j) => gram.atoms.subarray(j * problem.dims, (j + 1) * problem.dims));
    const r = fit.residual();
    leastSquares(x, rows as Float64Array[]).forEach((value, p) => {
      expect(fit.values[p]).toBeCloseTo(value, 10);
    });
    const across = fit.correlations(r);
    for (const j of fit.members) expect(Math.abs(across[j] as number)).toBeLessThan(1e-12);
    expect(fit.add(fit.members[0] as number)).toBe(false);
  });

  /** 12 atoms that are none of the sample's, none of the weakest third of what are: what a network might propose. */
  function perturbed({ codes }: KnownCodes): SparseCodes {
    const random = makeRandom(11);
    const rows = Array.from({ length: codes.shape[0] }, (_, i) => {
      const { indices, values } = codes.row(i);
      const size = Float32Array.from(values, Math.abs).sort();
      const least = size[Math.floor(size.length / 3)] as number;
      const kept = [...indices].filter((_, k) => Math.abs(values[k] as number) >= least);
      const others = random.choose(12 + kept.length, problem.features).filter((j) => !kept.includes(j));
      return [...kept, ...others.slice(0, 12)].sort((a, b) => a - b);
    });
    const indptr = new Uint32Array(rows.length + 1);
    rows.forEach((row, i) => {
      indptr[i + 1] = (indptr[i] as number) + row.length;
    });
    const indices = Uint32Array.from(rows.flat());
    return SparseCodes.from({
      ...{ indptr, indices, values: new Float32Array(indices.length).fill(1) },
      shape: codes.shape,
    });
  }

  it('finds the codes of samples without noise, from supports that are a third wrong', () => {
    const known = drawKnown(problem, 20, Number.POSITIVE_INFINITY, 9);
    const { codes, accepted } = debias(gram, { x: known.x, codes: perturbed(known) });
    expect(accepted).toBe(1);
    expect([...codes.indices]).toEqual([...known.codes.indices]);
    // x in float32: −144 dB a rounding at most, less what least squares makes of it
    expect(errorsOf(codes, known.codes).nmse).toBeLessThan(-135);
  });

  it('comes near the floor with noise, and not below it', () => {
    const known = drawKnown(problem, 100, 40, 10);
    const floor = errorsOf(oracle(gram, known), known.codes).nmse;
    const { codes } = debias(gram, { x: known.x, codes: perturbed(known) });
    const { nmse } = errorsOf(codes, known.codes);
    expect(floor).toBeLessThan(nmse);
    expect(nmse).toBeLessThan(floor + 1.5);
  });

  it("keeps the network's code where noise is far above that of the others", () => {
    const known = drawKnown(problem, 9, 40, 12);
    const loud = drawKnown(problem, 9, 0, 12);
    sample(known, 4).set(sample(loud, 4));
    const proposed = perturbed(known);
    const { codes, accepted } = debias(gram, { x: known.x, codes: proposed });
    expect(accepted).toBe(8 / 9);
    expect([...codes.row(4).values]).toEqual([...proposed.row(4).values]);
  });
});

it('the bound of all estimators lies between the floor and what anyone reaches', () => {
  expect(bayesBound(publishedShape, Number.POSITIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
  // the floor: E tr P = k·dims/(dims − k − 1) at k = 50, of noise E‖aD‖²·10^(−snr/10)/dims an entry
  const floor = (snr: number): number => decibels(50 / (250 - 50 - 1)) - snr;
  expect(bayesBound(publishedShape, 40)).toBeGreaterThan(floor(40));
  expect(bayesBound(publishedShape, 20)).toBeGreaterThan(floor(20) + 1.5);
});

describe('the tables', () => {
  const shown = [4, 8, 12, 16];
  const noisy: Pick<ListaRow, 'snr' | 'samples'> = { snr: 40, samples: 100 };
  const result: ListaResult = {
    ...{ dims: 250, features: 500, density: 0.1, layers: 16, shown, seconds: 600 },
    rows: [
      { ...noisy, name: 'ISTA', nmse: [-2.7, -4.1, -5.1, -5.7], published: { byLayer: { 4: -2.78 } } },
      {
        ...{ ...noisy, name: 'alista, selection', nmse: [-17, -30, -37, -39.5], microseconds: 30 },
        published: { byLayer: { 16: -39.07 } },
        training: { seconds: 90, steps: 300, samples: 38_400 },
        finished: { nmse: -45.4, accepted: 0.995, samples: 50, microseconds: 4000 },
      },
      {
        ...{ ...noisy, name: 'alista, selection, ridge', nmse: [-17, -30, -37, -41] },
        ...{ published: { byLayer: { 16: -39.07 } }, training: { seconds: 90, steps: 300, samples: 38_400 } },
        notes: 'ridge 1, chosen on other samples',
      },
      { ...noisy, name: 'the floor', nmse: [-46], kind: 'floor' },
      { name: 'lista-cp', snr: null, samples: 100, nmse: [-9, -20, -25, -30], published: { atMost: -28 } },
    ],
    steps: {
      ...{ batch: 512, layers: 16, by: 'sgemm', target: 1.5 },
      rows: [
        {
          ...{ variant: 'lista-cp', selection: false, products: 96, ratio: 1.6 },
          ...{ seconds: summarise([0.16]), sgemm: summarise([0.001]) },
        },
      ],
    },
    join: {
      ...{ samples: 10, tolerance: 1e-5, skipped: ['R1: no words'] },
      rows: [
        {
          ...{ workload: 'W1', start: 'nothing', layers: 0, iterations: 2.5, maxGap: 1e-6 },
          lassoSeconds: summarise([0.02]),
        },
        {
          ...{
            workload: 'W1',
            start: 'network',
            layers: 4,
            iterations: 1.5,
            maxGap: 1e-6,
            proposalGap: 0.01,
          },
          ...{ trainingSeconds: 12, networkSeconds: summarise([0.01]), lassoSeconds: summarise([0.015]) },
        },
      ],
    },
  };
  const text = listaSection(result);
  const cells = (start: string): string[] =>
    (text.split('\n').find((one) => one.startsWith(start)) ?? '').split(' | ');

  it('have a row a method, with what is published and how near it is', () => {
    expect(cells('| **alista, selection**').slice(1, 11)).toEqual([
      '-17.00',
      '-30.00',
      '-37.00',
      '-39.50',
      '-39.07',
      'met',
      '-45.40 (99.5 %)',
      '1.5',
      '300 × 128',
      '30',
    ]);
    expect(cells('| ISTA').slice(5, 7)).toEqual(['-2.78', 'met']);
    expect(cells('| the floor').slice(1, 5)).toEqual(['', '', '', '-46.00']);
    expect(cells('| lista-cp').slice(5, 7)).toEqual(['≤ -28', 'met']);
    expect(cells('| **alista, selection, ridge**').at(-1)).toBe(
      'ridge 1, chosen on other samples; 100 samples |',
    );
    expect(cells('| **alista, selection, ridge**').slice(5, 7)).toEqual(['-39.07', 'beaten']);
    expect(text).toContain('10 minutes in all, 3 of them training. Rows with a ridge');
  });

  it('say what steps cost beside their products, and what a start from a network costs in all', () => {
    expect(cells('| **lista-cp**')).toEqual(['| **lista-cp**', '96', '160', '1', '1.6', 'missed |']);
    // (10 + 15) ms of 20, 1.5 solves, one pass more than solves, and the network's 4
    expect(cells('| W1 | network').slice(6, 9)).toEqual(['1.25', '1.5', '6.5']);
  });

  it('have a plot of every line, published figures and floors', async () => {
    const svg = await listaPlot(result);
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain('>alista, selection<');
    expect(svg).toContain('>no noise<');
    expect(listaPlot(undefined)).toBeUndefined();
  });

  it('call a bar met, beaten or missed by all that was asked', () => {
    const verdict = (name: string, snr: number | null, ...nmse: number[]) =>
      verdictOf(name, snr, shown, nmse);
    expect(verdict('ISTA', 40, -2.78, -4.15, -5.11, -5.77)).toBe('met');
    expect(verdict('ISTA', 40, -2.78, -4.15, -5.11, -5.6)).toBe('missed');
    expect(verdict('alista, selection', 40, 0, 0, 0, -40.5)).toBe('beaten');
    expect(verdict('alista, selection', 40, 0, 0, 0, -38)).toBe('missed');
    expect(verdict('lista-cp', null, 0, 0, 0, -30)).toBe('met');
    expect(verdict('lista-cp', null, 0, 0, 0, -45)).toBe('beaten');
    expect(verdict('lista-cp', null, 0, 0, 0, -20)).toBe('missed');
    expect(verdict('lista', 40, 0, 0, 0, -20)).toBeUndefined();
    // With a ridge it is judged by what is published without.
    expect(verdict('alista, selection, ridge', 20, 0, 0, 0, -21.2)).toBe('met');
    expect(verdict('alista, selection, ridge', 20, 0, 0, 0, -22)).toBe('beaten');
    expect(verdict('hyperlista, ridge', 20, 0, 0, 0, -22)).toBeUndefined();
  });
});

it('runs whole, at a small size, and says what each method reached', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-lista-'));
  const logged: string[] = [];
  try {
    const result = await runListaParts(listaPlans.quick, {
      ...{ folder, peers: undefined, log: (line: string) => logged.push(line) },
    });
    const { table, steps, join: joined } = listaPlans.quick;
    for (const { name } of table.networks) {
      const row = result.rows.find((one) => one.name === name);
      expect(row?.nmse).toHaveLength(table.shown.length);
      expect(row?.training?.samples).toBeGreaterThan(0);
      expect(row?.nmse.at(-1)).toBeLessThan(-5);
    }
    // no published figures: they are of another problem
    expect(result.rows.every(({ published }) => published === undefined)).toBe(true);
    expect(result.steps?.rows.map(({ variant }) => variant)).toEqual(
      steps.variants.map(({ variant }) => variant),
    );
    expect(result.join?.rows).toHaveLength(joined.specs.length * (2 + joined.layers.length));
    for (const { maxGap } of result.join?.rows ?? []) expect(maxGap).toBeLessThanOrEqual(1e-5);
    expect(logged.length).toBeGreaterThan(table.networks.length);
    expect(listaSection(result)).not.toMatch(/NaN|undefined/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
