// One child process a level, same inputs: every level within its bound of float64 and therefore of the others.
// Levels that this machine or binary lacks are skipped with a line that says so.
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { Dictionary, info, lambdaMax } from '../../lib/index.js';
import { gamma32, U32 } from '../reference/bounds.js';
import { type LassoProblem, solveLasso } from '../reference/lasso.js';
import { at, dot, norm, rowAt, toRows } from '../reference/linear.js';
import { coherent, duplicates, gaussian, type Problem, rankDeficient } from '../reference/problems.js';
import { lambdasAt } from '../reference/verify.js';

const LEVELS = ['scalar', 'avx2', 'avx512', 'neon'] as const;
const entry = new URL('../../dist/index.js', import.meta.url).href;

const size = { features: 83, dims: 35, samples: 9 };
const problems: Problem[] = [
  gaussian(401, size),
  coherent(402, size),
  duplicates(403, size),
  rankDeficient(404, size),
];
const fraction = 0.08;
const tolerance = 1e-6;

interface Answer {
  isa: string;
  results: {
    scores: number[];
    top: number[];
    objective: number[];
    gap: number[];
    omp: number[];
    soft: number[];
    again: boolean;
  }[];
}

const CHILD = `
  const pkg = await import(${JSON.stringify(entry)});
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  const results = JSON.parse(text).map(({ atoms, samples, lambda }) => {
    const matrix = (m) => ({ data: Float32Array.from(m.data), shape: m.shape });
    const x = matrix(samples), d = pkg.Dictionary.from(matrix(atoms));
    const solve = (threads) => pkg.unfoldSync(x, d, { lambda, tolerance: ${tolerance}, threads });
    const one = solve(1), seven = solve(7);
    return {
      scores: [...pkg.ops.correlate(x, d).data],
      top: [...pkg.ops.topK(x, d, 5, { absolute: true }).values],
      objective: [...one.objective],
      gap: [...one.gap],
      omp: [...pkg.unfoldSync(x, d, { method: 'omp', sparsity: 4 }).residual],
      soft: [...pkg.ops.softThreshold(x.data, 0.25)],
      again: Buffer.compare(Buffer.from(one.codes.values.buffer), Buffer.from(seven.codes.values.buffer)) === 0,
    };
  });
  console.log(JSON.stringify({ isa: pkg.info().isa, results }));
`;

const supported = LEVELS.filter((isa) => (info().supportedIsas as string[]).includes(isa));
const lambdas = problems.map((p) => lambdasAt(fraction, lambdaMax(p.samples, Dictionary.from(p.atoms))));
const answers = new Map<string, Answer>();

function ask(isa: string): Answer {
  const input = problems.map(({ atoms, samples }, i) => ({
    atoms: { data: Array.from(atoms.data), shape: atoms.shape },
    samples: { data: Array.from(samples.data), shape: samples.shape },
    lambda: Array.from(lambdas[i] as Float64Array),
  }));
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', CHILD], {
    env: { ...process.env, UNSUPERPOSE_ISA: isa },
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (child.status !== 0) throw new Error(`level ${isa} failed: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

beforeAll(() => {
  for (const isa of supported) answers.set(isa, ask(isa));
});

it('runs at least the baseline level, and says what it skips', () => {
  for (const isa of LEVELS)
    if (!supported.includes(isa))
      console.warn(`SKIPPED: level ${isa} is not available on this machine or in this binary`);
  expect(supported.length).toBeGreaterThan(0);
});

describe.each(supported)('%s', (isa) => {
  it('is the level that was forced', () => {
    expect(answers.get(isa)?.isa).toBe(isa);
  });

  it.each(problems.map((p, i) => ({ ...p, i })))('$name: agrees with float64', ({ atoms, samples, i }) => {
    const result = (answers.get(isa) as Answer).results[i] as Answer['results'][number];
    const d = toRows(atoms);
    const xs = toRows(samples);
    expect(result.again).toBe(true);
    xs.forEach((x, s) => {
      const exact = d.map((atom) => dot(atom, x));
      const bound = (j: number): number => gamma32(size.dims) * norm(x) * norm(rowAt(d, j));
      exact.forEach((c, j) => {
        expect(Math.abs(at(result.scores, s * size.features + j) - c)).toBeLessThanOrEqual(bound(j));
      });
      // The k-th strongest of values that are each off by at most b is itself off by at most b.
      const strongest = exact.map(Math.abs).sort((p, q) => q - p);
      const worst = Math.max(...exact.map((_, j) => bound(j)));
      for (let k = 0; k < 5; k++)
        expect(Math.abs(Math.abs(at(result.top, s * 5 + k)) - at(strongest, k))).toBeLessThanOrEqual(worst);
      const p: LassoProblem = { x, atoms: d, lambda: at(lambdas[i] as Float64Array, s) };
      const best = solveLasso(p);
      const half = 0.5 * dot(x, x);
      const above = at(result.objective, s) - best.objective;
      expect(above).toBeLessThanOrEqual((at(result.gap, s) + 1e-12) * half);
      expect(above).toBeGreaterThanOrEqual(-1e-12 * half);
    });
    samples.data.forEach((v, k) => {
      const t = 0.25;
      expect(at(result.soft, k)).toBe(Math.abs(v) > t ? Math.fround(v - Math.sign(v) * t) : 0);
    });
  });
});

describe('between levels', () => {
  const pairs = supported.flatMap((a, i) => supported.slice(i + 1).map((b) => [a, b] as const));
  it.each(pairs)('%s and %s', (first, second) => {
    const [a, b] = [answers.get(first) as Answer, answers.get(second) as Answer];
    problems.forEach(({ samples }, i) => {
      const [p, q] = [a.results[i] as Answer['results'][number], b.results[i] as Answer['results'][number]];
      toRows(samples).forEach((x, s) => {
        const half = 0.5 * dot(x, x);
        const bound = (Math.max(at(p.gap, s), at(q.gap, s)) + 1e-12) * half;
        expect(Math.abs(at(p.objective, s) - at(q.objective, s))).toBeLessThanOrEqual(bound);
        // Pursuits may choose differently only where float32 cannot tell two atoms apart; on the problems whose atoms
        // are all different they choose alike, and the residuals differ by the rounding of the codes.
        if (i < 2) expect(Math.abs(at(p.omp, s) - at(q.omp, s))).toBeLessThanOrEqual(16 * U32 * norm(x));
      });
      expect(p.soft).toEqual(q.soft);
    });
  });
});
