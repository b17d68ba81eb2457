// The page that `npm run bench -- --report` makes of a result file.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faults } from '../../bench/accuracy.js';
import { markdown, writeReport } from '../../bench/report.js';
import { type Result, type Row, toJson, type WorkloadResult } from '../../bench/result.js';
import { summarise } from '../../bench/statistics.js';
import { fittedExponent } from '../../bench/sweeps.js';

const memory = { peakBytes: 3 * 2 ** 30, dictionaryBytes: 2 ** 30, inputBytes: 2 ** 29 };

function row(more: Partial<Row> & Pick<Row, 'name'>): Row {
  return { by: 'unsuperpose', threads: 1, samples: 10, seconds: summarise([0.02, 0.01, 0.03]), ...more };
}

const workload: WorkloadResult = {
  ...{ name: 'W1', dims: 4, features: 8, active: 2, samples: 10, lambda: 0.5 },
  sgemm: summarise([0.01]),
  rows: [
    row({
      name: 'lasso',
      sgemms: 2,
      target: { most: 2 },
      accuracy: { maxGap: 1e-6, residual: 0.1, nonzeros: 2 },
    }),
    row({ name: 'lasso', isa: 'avx2', sgemms: 3.5, target: { most: 3 } }),
    row({ name: 'lasso in float64', sgemms: 7, lassos: 3.5, target: { mostLassos: 4 } }),
    row({ name: 'topK, k = 32', sgemms: 0.5, target: { most: 0.6 }, accuracy: { differs: 0 } }),
    row({ name: 'omp', sgemms: 1, accuracy: { residual: 0.1, nonzeros: 2, sameSupport: 0.95 } }),
    row({ name: 'sklearn lasso_cd', by: 'peer', sgemms: 40, samples: 5 }),
  ],
  failures: ['sklearn omp: no such file: /home/someone/lib/omp.py'],
  stages: { score: 0.01, rescore: 0.002, gram: 0.001, solve: 0.004, residual: 0.001, certify: 0.002 },
  memory,
};

const result: Result = {
  ...{ date: '2026-01-01', quick: false, tolerance: 1e-5, repeats: 3 },
  machine: { cpu: 'CPU', cores: 2, memoryGiB: 8, os: 'Linux', arch: 'x64', node: 'v20.19.0' },
  source: { commit: 'abc', dirty: false, version: '0.0.0', isa: 'avx512', capabilities: [] },
  peers: { versions: {}, openblas: null, environment: {}, skipped: [] },
  workloads: [workload],
  sweeps: {
    features: {
      ...{ dims: 16, active: 2, samples: 8, target: 1, failures: [] },
      exponents: { lasso: 0.97 },
      exponentsFastest: { lasso: 0.95 },
      points: [1024, 2048, 4096].map((features) => ({
        ...{ features, memory, maxGap: 1e-6 },
        seconds: { lasso: features * 1e-6, 'product, stored': features * 4e-7 },
        fastest: { lasso: features * 9e-7, 'product, stored': features * 4e-7 },
      })),
    },
    accuracy: {
      workload: 'W1',
      tolerances: [1e-2, 1e-3, 1e-7],
      points: [1e-2, 1e-3].map((tolerance) => ({
        ...{ method: 'lasso', by: 'unsuperpose', tolerance, seconds: 1e-4, sgemms: 2 },
      })),
      failures: ['torch fista is left out: its gap of 2.00e-3 is above 0.001'],
    },
  },
  learning: [],
  methods: {
    ...{ dims: 8, features: 100, active: 2, samples: 200, batch: 100, cosine: 0.95, seconds: [1, 2] },
    rows: [
      {
        ...{ method: 'mod', solver: 'omp' },
        runs: [
          { seed: 1, steps: 30, found: [0.5, 1] },
          { seed: 2, steps: 50, found: [0.25, 1] },
          { seed: 3, steps: 40, found: [0.75, 1] },
        ],
      },
    ],
  },
  small: [],
  setUp: [
    {
      ...{ workload: 'W1', dims: 4, features: 8, active: 2, productSamples: 10, productMilliseconds: 5 },
      fromMilliseconds: 1,
      packing: [{ precision: 'int8', milliseconds: 2, bytes: 2 ** 20 }],
      gram: { milliseconds: 20, bytes: 2 ** 21 },
      omp: {
        ...{ samplesACall: 50, withoutMilliseconds: [4, 4, 4], withMilliseconds: [8, 1, 1] },
        ...{ afterwardsMilliseconds: 1, breakEvenCalls: 3 },
      },
    },
  ],
};

describe('the tables', () => {
  const text = markdown(result);
  const line = (start: string): string => text.split('\n').find((one) => one.startsWith(start)) ?? '';

  it('judge each row by its own kind of target', () => {
    expect(line('| **lasso** |')).toContain('≤ 2: met');
    expect(line('| **lasso**, avx2 only')).toContain('≤ 3: missed');
    expect(line('| **lasso in float64**')).toContain('≤ 4 × lasso: 3.5, met');
  });

  it('say how answers were judged, what was left out and what it took', () => {
    expect(line('| **topK')).toContain("float64's top k");
    expect(line('| **omp**')).toContain("95 % float64's supports");
    expect(line('| sklearn lasso_cd')).toContain('5 samples timed, scaled');
    expect(text).toContain('score 50 %, rescore 10 %');
    expect(text).toContain('peak resident set 3 GiB');
    expect(text).toContain('- torch fista is left out');
    expect(text).toMatch(/\| lasso \|.*\| not reached \|/);
    expect(text).toContain('target for the lasso ≤ 1: met');
  });

  it('say what setting up costs, and after how much use it has paid', () => {
    expect(line('| W1 | 5 (10 samples)')).toBe(
      '| W1 | 5 (10 samples) | 1 (0.2) | 2 (0.4), 1 MiB | 20 (4), 2 MiB |',
    );
    expect(line('| W1 | 50 |')).toBe('| W1 | 50 | 3 | 12 | 10 | 3 | 3 calls, 150 samples |');
  });

  it('say what methods of learning have found in equal time', () => {
    expect(line('| mod |')).toBe('| mod | omp | 50 % (25 % … 75 %) | 100 % | 40 (30 … 50) |');
    expect(text).toContain('found after 1 s | found after 2 s');
  });

  it('say so when the build gives no breakdown', () => {
    const { stages: _, ...without } = workload;
    expect(markdown({ ...result, workloads: [without] })).toContain('No breakdown');
    expect(text).not.toContain('No breakdown');
  });
});

describe('the page', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'unsuperpose-report-'));
    const readme = readFileSync(new URL('../../bench/README.md', import.meta.url), 'utf8');
    writeFileSync(join(folder, 'README.md'), readme);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function report(published: Result): Promise<string> {
    const file = join(folder, 'result.json');
    writeFileSync(file, toJson(published));
    await writeReport([file], folder);
    return readFileSync(join(folder, 'README.md'), 'utf8');
  }

  it('shows every plot that the result has figures for, and is the same when made again', async () => {
    const page = await report(result);
    for (const name of ['overview', 'breakdown', 'features', 'accuracy']) {
      expect(page).toContain(`](plots/${name}.svg)`);
      const svg = readFileSync(join(folder, 'plots', `${name}.svg`), 'utf8');
      expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
    const names = readFileSync(join(folder, 'plots', 'overview.svg'), 'utf8');
    expect(names).toContain('>unsuperpose lasso<');
    expect(names).toContain('>sklearn lasso_cd<');
    expect(await report(result)).toBe(page);
  });

  it('drops plots that a result has no figures for', async () => {
    await report(result);
    const { sweeps: _, ...without } = result;
    expect(await report(without)).not.toContain('plots/features.svg');
    expect(existsSync(join(folder, 'plots', 'features.svg'))).toBe(false);
    expect(existsSync(join(folder, 'plots', 'overview.svg'))).toBe(true);
  });
});

it('results hold no paths of the machine', () => {
  const json = toJson(result);
  expect(json).not.toContain('/home/');
  expect(json).toContain('no such file: …/omp.py');
  expect((JSON.parse(json) as Result).workloads[0]?.rows).toEqual(workload.rows);
});

it('the exponent is the power that the points follow', () => {
  const points = [1, 2, 4, 8].map((x) => [x, 3 * x ** 0.75] as const);
  expect(fittedExponent(points)).toBeCloseTo(0.75, 12);
});

describe('answers are judged before they are timed', () => {
  const certificate = { objective: [1], gap: [1e-6], residual: [0.1], nonzeros: [2] };
  const judged = (kind: 'convex' | 'greedy' | 'topk', more: object) => ({
    ...{ name: 'one', kind, certificate, ...more },
  });
  const faulty = (contender: ReturnType<typeof judged>): boolean => faults([contender], 1e-5).has(contender);

  it('by the gap that was asked, which a contender may have of its own; NaN is a fault', () => {
    expect(faulty(judged('convex', {}))).toBe(false);
    expect(faulty(judged('convex', { tolerance: 1e-12 }))).toBe(true);
    expect(faulty(judged('convex', { certificate: { ...certificate, gap: [Number.NaN] } }))).toBe(true);
  });

  it('by the supports and the top k of float64', () => {
    expect(faulty(judged('greedy', { certificate: { ...certificate, sameSupport: [true, false] } }))).toBe(
      true,
    );
    expect(faulty(judged('greedy', { certificate: { ...certificate, sameSupport: [true, true] } }))).toBe(
      false,
    );
    const top = { differs: [true], shortfall: [1e-3] };
    expect(faulty(judged('topk', { certificate: undefined, top }))).toBe(true);
    expect(faulty(judged('topk', { certificate: undefined, top: { ...top, shortfall: [1e-8] } }))).toBe(
      false,
    );
  });
});
