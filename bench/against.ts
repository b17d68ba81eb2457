// npm run bench:against -- FOLDER [--only WORD]: this build against another one of this package (a built checkout), call by call in
// turn on one thread, so that noise meets both. Prints the median ratio of times a call, with its quartiles: above 1 this build is slower.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Dictionary } from '../lib/index.js';
import { makeSynthetic, type Workload, workloads } from './workloads.js';

type Package = typeof import('../lib/index.js');

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: npm run bench:against -- FOLDER [--only WORD]');
  process.exit(2);
}
const load = async (root: string): Promise<Package> =>
  (await import(pathToFileURL(join(resolve(root), 'dist', 'index.js')).href)) as Package;
const packages = [await load('.'), await load(folder)] as const;

const SHORTEST = 0.02; // seconds of one measurement
const MEASUREMENTS = 15;

function seconds(call: () => unknown, repeats: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < repeats; i++) call();
  return Number(process.hrtime.bigint() - start) / 1e9 / repeats;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.round(share * (sorted.length - 1))] as number;

function compare(name: string, calls: readonly (() => unknown)[]): void {
  const [mine, other] = calls as [() => unknown, () => unknown];
  const once = Math.max(seconds(mine, 1), seconds(other, 1), seconds(mine, 1));
  const repeats = Math.max(1, Math.ceil(SHORTEST / once));
  const measurements = once > 1 ? 5 : MEASUREMENTS;
  const ratios: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < measurements; i++) {
    // Who goes first takes turns.
    const first = i % 2 === 0 ? seconds(mine, repeats) : Number.NaN;
    const theirs = seconds(other, repeats);
    const ours = i % 2 === 0 ? first : seconds(mine, repeats);
    ratios.push(ours / theirs);
    times.push(ours);
  }
  ratios.sort((a, b) => a - b);
  times.sort((a, b) => a - b);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share).toFixed(3));
  console.log(
    `${name.padEnd(26)} ${(quantile(times, 0.5) * 1e3).toFixed(2).padStart(9)} ms   ${middle} (${low} … ${high})`,
  );
}

function ask(work: Workload, what: string, call: (pkg: Package, dictionary: Dictionary) => unknown): void {
  const name = `${work.spec.name} ${what}`;
  if (values.only !== undefined && !name.includes(values.only)) return;
  const { dims, features } = work.spec;
  const calls = packages.map((pkg) => {
    const dictionary = pkg.Dictionary.from({ data: work.atoms, shape: [features, dims] });
    return () => call(pkg, dictionary);
  });
  compare(name, calls);
}

console.log(`level ${packages[0].info().isa}; ms of this build, ratio to the other (quartiles)`);
for (const spec of workloads) {
  if (spec.ownProcess) continue;
  const work = makeSynthetic(spec);
  const { dims, samples: rows, nonnegative = false } = spec;
  const x = { data: work.samples, shape: [rows, dims] as const };
  const common = { threads: 1, nonnegative };
  ask(work, 'lasso', (p, d) => p.unfoldSync(x, d, { ...common, lambda: work.lambda, tolerance: 1e-5 }));
  ask(work, 'omp', (p, d) => p.unfoldSync(x, d, { ...common, method: 'omp', sparsity: spec.active }));
  ask(work, 'topK', (p, d) => p.ops.topK(x, d, 32, { threads: 1 }));
  if (spec.name !== 'W1' && spec.name !== 'W2') continue;
  const few = { data: work.samples.subarray(0, 64 * dims), shape: [64, dims] as const };
  ask(work, 'lasso, 64 samples', (p, d) =>
    p.unfoldSync(few, d, { ...common, lambda: work.lambda, tolerance: 1e-5 }),
  );
  ask(work, 'homotopy, 64 samples', (p, d) =>
    p.unfoldSync(few, d, { ...common, method: 'homotopy', lambda: work.lambda }),
  );
  ask(work, 'fista, 64 samples', (p, d) =>
    p.unfoldSync(few, d, { ...common, method: 'fista', lambda: work.lambda, maxIterations: 50 }),
  );
  ask(work, 'mp, 64 samples', (p, d) => p.unfoldSync(few, d, { ...common, method: 'mp', sparsity: 8 }));
  ask(work, 'cosamp, 64 samples', (p, d) =>
    p.unfoldSync(few, d, { ...common, method: 'cosamp', sparsity: 8 }),
  );
  ask(work, 'lambdaMax', (p, d) => p.lambdaMax(x, d));
  ask(work, 'certify, 64 samples', (p, d) => {
    const { codes } = p.unfoldSync(few, d, { ...common, lambda: work.lambda });
    return p.certifySync(few, codes, d, { lambda: work.lambda, threads: 1 });
  });
}
