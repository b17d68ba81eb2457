// What is compared on a workload: the library's products and solves, and the peers. Every one has solved it once
// before, and that answer has been judged.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Dictionary,
  type Matrix,
  ops,
  type Unfolding,
  UnfoldStatus,
  UnsuperposeError,
  unfoldSync,
} from '../lib/index.js';
import type { Judged } from './accuracy.js';
import type { Certificate, PeerHello, PeerProcess, Prepared, TopCertificate } from './peer-process.js';
import type { Row } from './result.js';
import type { Workload, WorkloadSpec } from './workloads.js';

export interface Settings {
  readonly tolerance: number;
  readonly repeats: number;
  /** repeats of the peers, spread over the repeats of ours */
  readonly peerRepeats: number;
  /** seconds that one run of a slow method may take: it gets as few samples as that needs */
  readonly budget: number;
  readonly folder: string;
  /** fewest samples that a slow method is timed on; absent: what the method needs to be at its best */
  readonly fewest?: number;
  readonly wanted: (peer: string) => boolean;
  /** which of our rows, by their labels; absent: all */
  readonly ours?: readonly string[];
  readonly log: (line: string) => void;
}

export interface Peers {
  readonly hello: PeerHello;
  readonly process: PeerProcess;
  /** the same machine's sgemm under the environment's own OPENBLAS_… settings, where there are any */
  readonly asConfigured?: PeerProcess;
}

export interface Contender
  extends Omit<Row, 'seconds' | 'sgemms' | 'sgemmsAsConfigured' | 'accuracy'>,
    Judged {
  /** seconds of one run over `samples` samples */
  readonly run: () => Promise<number> | number;
  readonly repeats: number;
}

/** samples timed of a method that spends a fixed time a call and needs a batch to be at its best */
const fewestInBatch = 200;
const probeSamples = 20;
/** kept by the top-k rows and their peers */
export const kept = 32;

const topKRow = `topK, k = ${kept}`;

export const label = (name: string, threads: number): string =>
  threads > 1 ? `${name}, ${threads} threads` : name;

export function timed(body: () => void): number {
  const started = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - started) * 1e-9;
}

export const matrix = (data: Float32Array, columns: number): Matrix<Float32Array> => ({
  data,
  shape: [data.length / columns, columns],
});

const firstRows = (m: Matrix<Float32Array>, rows: number): Matrix<Float32Array> =>
  matrix(m.data.subarray(0, rows * m.shape[1]), m.shape[1]);

export function writeArray(
  folder: string,
  name: string,
  data: Float32Array | Float64Array | Uint32Array,
): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return path;
}

async function certify(
  unfolding: Unfolding,
  greedy: boolean,
  { folder }: Settings,
  peers?: Peers,
): Promise<Certificate | undefined> {
  const { indptr, indices } = unfolding.codes;
  const values: Float32Array | Float64Array = unfolding.codes.values;
  return peers?.process.ask<Certificate>('certify', {
    greedy,
    indptr: writeArray(folder, 'indptr.u32', indptr),
    indices: writeArray(folder, 'indices.u32', indices),
    values: writeArray(folder, 'values.bin', values),
    number: values instanceof Float64Array ? 'float64' : 'float32',
  });
}

type SolveOptions = Parameters<typeof unfoldSync>[2];

interface Method {
  readonly name: string;
  readonly options: SolveOptions;
  readonly threads: number;
  readonly slow?: boolean;
  /** absent: greedy for omp, else convex */
  readonly kind?: Contender['kind'];
  readonly tolerance?: number;
  readonly target?: Row['target'];
}

/** Gap asked of the lasso in float64. */
const float64Tolerance = 1e-12;

/** Of the gap asked for: it stops right below, where the judge's rounding decides. PyTorch's has the same margin. */
const fistaMargin = 0.98;

const atMost = (most: number | undefined): Pick<Method, 'target'> =>
  most === undefined ? {} : { target: { most } };

/** The options of float64 where this build takes them. */
function float64Options(options: SolveOptions): SolveOptions | undefined {
  const precise = {
    ...options,
    tolerance: float64Tolerance,
    precision: 'float64',
  } as unknown as SolveOptions;
  using dictionary = Dictionary.from(matrix(Float32Array.of(1), 1));
  try {
    unfoldSync(matrix(Float32Array.of(1), 1), dictionary, precise);
    return precise;
  } catch (error) {
    if (error instanceof UnsuperposeError && error.code === 'ERR_OPTION') return undefined;
    throw error;
  }
}

/** The other methods that look for a support of the true size, and amp, which is a lasso where it converges. */
function pursuits({ active, nonnegative = false }: WorkloadSpec, lasso: SolveOptions): Method[] {
  const sparse = { sparsity: active, nonnegative };
  const heuristics = ['mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'] as const;
  return [
    ...heuristics.map(
      (method): Method => ({
        ...{ name: method, kind: 'heuristic', options: { method, ...sparse }, threads: 1, slow: true },
      }),
    ),
    { name: 'amp', options: { ...lasso, method: 'amp' } as SolveOptions, threads: 1, slow: true },
  ];
}

function methods({ spec, lambda }: Workload, { tolerance, ours }: Settings): Method[] {
  const nonnegative = spec.nonnegative ?? false;
  const { targets = {} } = spec;
  const lasso: SolveOptions = { lambda, tolerance, nonnegative };
  const float64 = targets.float64 === undefined ? undefined : float64Options(lasso);
  const all: Method[] = [
    { name: 'lasso', options: lasso, threads: 1, ...atMost(targets.lasso) },
    { name: 'lasso', options: lasso, threads: 2 },
    ...(float64 && targets.float64 !== undefined
      ? [
          {
            ...{ name: 'lasso in float64', options: float64, threads: 1, tolerance: float64Tolerance },
            target: { mostLassos: targets.float64 },
          },
        ]
      : []),
    { name: 'homotopy', options: { ...lasso, method: 'homotopy' }, threads: 1 },
    {
      ...{ name: 'fista', threads: 1, slow: true },
      options: { ...lasso, method: 'fista', tolerance: fistaMargin * tolerance },
    },
    {
      ...{ name: 'omp', options: { method: 'omp', sparsity: spec.active, nonnegative }, threads: 1 },
      ...atMost(targets.omp),
    },
    ...(spec.pursuits ? pursuits(spec, lasso) : []),
  ];
  return all.filter(({ name, threads }) => ours?.includes(label(name, threads)) ?? true);
}

export async function ourSolves(
  work: Workload,
  dictionary: Dictionary,
  settings: Settings,
  peers?: Peers,
): Promise<Contender[]> {
  const { spec } = work;
  const all = matrix(work.samples, spec.dims);
  const contenders: Contender[] = [];
  for (const method of methods(work, settings)) {
    const { name, options, threads, slow, tolerance, target } = method;
    const solve = (rows: Matrix<Float32Array>): Unfolding =>
      unfoldSync(rows, dictionary, { ...options, threads });
    let samples = spec.samples;
    if (slow) {
      const seconds = timed(() => solve(firstRows(all, probeSamples)));
      const affordable = Math.floor((settings.budget * probeSamples) / seconds);
      samples = Math.min(spec.samples, Math.max(settings.fewest ?? fewestInBatch, affordable));
    }
    const rows = firstRows(all, samples);
    const unfolding = solve(rows);
    const kind = method.kind ?? (name === 'omp' ? 'greedy' : 'convex');
    contenders.push({
      ...{ name, threads, samples, kind, tolerance },
      by: 'unsuperpose',
      repeats: slow ? settings.peerRepeats : settings.repeats,
      iterations: unfolding.iterations.reduce((sum, count) => sum + count, 0) / samples,
      diverged: unfolding.status.filter((status) => status === UnfoldStatus.diverged).length,
      certificate: await certify(unfolding, kind !== 'convex', settings, peers),
      run: () => timed(() => solve(rows)),
      ...(target === undefined ? {} : { target }),
    });
  }
  return contenders;
}

/** The selecting product on its own: all of X·Dᵀ stored, the 32 strongest a row (in absolute value; as they are), the largest a row. */
export async function ourProducts(
  work: Workload,
  dictionary: Dictionary,
  settings: Settings,
  peers?: Peers,
): Promise<Contender[]> {
  const { spec } = work;
  const { targets = {} } = spec;
  const all = matrix(work.samples, spec.dims);
  const out = matrix(new Float32Array(spec.samples * spec.features), spec.features);
  const signed = { absolute: true, threads: 1 };
  const topK = () => ops.topK(all, dictionary, kept, { threads: 1 });
  const products: { name: string; call: () => unknown; target?: Row['target']; topK?: boolean }[] = [
    {
      name: 'product, stored',
      call: () => ops.correlate(all, dictionary, { out, threads: 1 }),
      ...(targets.product === undefined ? {} : { target: { leastSpeed: targets.product } }),
    },
    { name: `product, top ${kept}`, call: () => ops.topK(all, dictionary, kept, signed) },
    { name: 'product, maximum', call: () => ops.maximum(all, dictionary, signed) },
    ...(targets.topK === undefined
      ? []
      : [{ name: topKRow, call: topK, topK: true, target: { most: targets.topK } }]),
  ];
  const contenders: Contender[] = [];
  for (const { name, call, target, topK: judged } of products) {
    if (settings.ours && !settings.ours.includes(name)) continue;
    call();
    const top = judged
      ? await peers?.process.ask<TopCertificate>('certify_top', {
          indices: writeArray(settings.folder, 'top.u32', topK().indices),
        })
      : undefined;
    contenders.push({
      ...{ name, by: 'unsuperpose', threads: 1, samples: spec.samples, top },
      kind: judged ? 'topk' : 'product',
      certificate: undefined,
      repeats: settings.repeats,
      run: () => timed(call),
      ...(target === undefined ? {} : { target }),
    });
  }
  return contenders;
}

/** Peers that have a part in this workload: pursuits are signed, encoders only where ours is timed too. */
const takesPart = ({ nonnegative, targets }: WorkloadSpec, kind: string): boolean =>
  kind === 'convex' || (kind === 'topk' ? targets?.topK !== undefined : !nonnegative);

export async function peerSolves(
  spec: WorkloadSpec,
  settings: Settings,
  peers: Peers,
  failures: string[],
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  const wanted = peers.hello.peers.filter(({ name, kind }) => settings.wanted(name) && takesPart(spec, kind));
  for (const { name: peer, kind } of wanted) {
    try {
      const { budget, fewest = spec.samples } = settings;
      const { samples, variant, setupSeconds, differs, shortfall, ...certificate } =
        await peers.process.ask<Prepared>('prepare', { peer, budget, fewest });
      contenders.push({
        ...{ name: peer, by: 'peer', threads: 1, samples, setupSeconds, kind },
        ...(kind === 'topk'
          ? { top: { differs, shortfall }, certificate: undefined }
          : { certificate: certificate as Certificate }),
        repeats: settings.peerRepeats,
        run: async () => (await peers.process.ask<{ seconds: number }>('run', { peer })).seconds,
        ...(variant === '' ? {} : { variant }),
      });
    } catch (error) {
      failures.push(`${peer}: ${(error as Error).message}`);
    }
  }
  return contenders;
}
