// The whole-workload harness: every contender solves the same workload, answers are judged before anything is timed,
// and the timed runs are interleaved (one sgemm before each) so that ratios come from one stretch of time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dictionary, lambdaMax, type Matrix, ops, type Unfolding, unfoldSync } from '../lib/index.js';
import { accuracies, faults, type Judged } from './accuracy.js';
import type { Certificate, PeerHello, PeerProcess, Prepared } from './peer-process.js';
import type { Row, WorkloadResult } from './result.js';
import { median, summarise } from './statistics.js';
import { makeWorkload, type Workload, type WorkloadSpec } from './workloads.js';

export interface Settings {
  readonly tolerance: number;
  readonly repeats: number;
  /** repeats of the peers, spread over the repeats of ours */
  readonly peerRepeats: number;
  /** seconds that one run of a slow method may take: it gets as few samples as that needs */
  readonly budget: number;
  readonly folder: string;
  readonly wanted: (peer: string) => boolean;
  readonly log: (line: string) => void;
}

export interface Peers {
  readonly hello: PeerHello;
  readonly process: PeerProcess;
  /** the same machine's sgemm under the environment's own OPENBLAS_… settings, where there are any */
  readonly asConfigured?: PeerProcess;
}

interface Contender extends Omit<Row, 'seconds' | 'sgemms' | 'sgemmsAsConfigured' | 'accuracy'>, Judged {
  /** seconds of one run over `samples` samples */
  readonly run: () => Promise<number> | number;
  readonly repeats: number;
}

/** samples timed of a method that spends a fixed time a call and needs a batch to be at its best */
const fewestInBatch = 200;
const probeSamples = 20;

function timed(body: () => void): number {
  const started = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - started) * 1e-9;
}

const matrix = (data: Float32Array, columns: number): Matrix<Float32Array> => ({
  data,
  shape: [data.length / columns, columns],
});

const firstRows = (m: Matrix<Float32Array>, rows: number): Matrix<Float32Array> =>
  matrix(m.data.subarray(0, rows * m.shape[1]), m.shape[1]);

function writeArray(folder: string, name: string, data: Float32Array | Uint32Array): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return path;
}

async function certify(
  unfolding: Unfolding,
  { folder }: Settings,
  peers?: Peers,
): Promise<Certificate | undefined> {
  const { indptr, indices, values } = unfolding.codes;
  return peers?.process.ask<Certificate>('certify', {
    indptr: writeArray(folder, 'indptr.u32', indptr),
    indices: writeArray(folder, 'indices.u32', indices),
    values: writeArray(folder, 'values.f32', values),
  });
}

type SolveOptions = Parameters<typeof unfoldSync>[2];

async function ourSolves(
  work: Workload,
  dictionary: Dictionary,
  settings: Settings,
  peers?: Peers,
): Promise<Contender[]> {
  const { spec, lambda } = work;
  const all = matrix(work.samples, spec.dims);
  const { tolerance } = settings;
  const nonnegative = spec.nonnegative ?? false;
  const methods: {
    name: string;
    options: SolveOptions;
    threads: number;
    slow?: boolean;
    most?: number | undefined;
  }[] = [
    { name: 'lasso', options: { lambda, tolerance, nonnegative }, threads: 1, most: spec.lassoTarget },
    { name: 'lasso', options: { lambda, tolerance, nonnegative }, threads: 2 },
    { name: 'fista', options: { method: 'fista', lambda, tolerance, nonnegative }, threads: 1, slow: true },
    { name: 'omp', options: { method: 'omp', sparsity: spec.active, nonnegative }, threads: 1 },
  ];
  const contenders: Contender[] = [];
  for (const { name, options, threads, slow, most } of methods) {
    const solve = (rows: Matrix<Float32Array>): Unfolding =>
      unfoldSync(rows, dictionary, { ...options, threads });
    let samples = spec.samples;
    if (slow) {
      const seconds = timed(() => solve(firstRows(all, probeSamples)));
      const affordable = Math.floor((settings.budget * probeSamples) / seconds);
      samples = Math.min(spec.samples, Math.max(fewestInBatch, affordable));
    }
    const rows = firstRows(all, samples);
    const unfolding = solve(rows);
    contenders.push({
      name,
      by: 'unsuperpose',
      threads,
      samples,
      kind: name === 'omp' ? 'greedy' : 'convex',
      repeats: slow ? settings.peerRepeats : settings.repeats,
      iterations: unfolding.iterations.reduce((sum, count) => sum + count, 0) / samples,
      certificate: await certify(unfolding, settings, peers),
      run: () => timed(() => solve(rows)),
      ...(most === undefined ? {} : { target: { most } }),
    });
  }
  return contenders;
}

/** The selecting product on its own: all of X·Dᵀ stored, the 32 strongest a row, the largest a row. */
function ourProducts(work: Workload, dictionary: Dictionary, settings: Settings): Contender[] {
  const { spec } = work;
  const all = matrix(work.samples, spec.dims);
  const out = matrix(new Float32Array(spec.samples * spec.features), spec.features);
  const kept = 32;
  const products: [string, () => unknown, (number | undefined)?][] = [
    ['product, stored', () => ops.correlate(all, dictionary, { out, threads: 1 }), spec.productTarget],
    [`product, top ${kept}`, () => ops.topK(all, dictionary, kept, { absolute: true, threads: 1 })],
    ['product, maximum', () => ops.maximum(all, dictionary, { absolute: true, threads: 1 })],
  ];
  return products.map(([name, call, leastSpeed]) => {
    call();
    return {
      name,
      by: 'unsuperpose',
      threads: 1,
      samples: spec.samples,
      kind: 'product',
      certificate: undefined,
      repeats: settings.repeats,
      run: () => timed(call),
      ...(leastSpeed === undefined ? {} : { target: { leastSpeed } }),
    };
  });
}

async function peerSolves(
  spec: WorkloadSpec,
  settings: Settings,
  peers: Peers,
  failures: string[],
): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const { name: peer, convex } of peers.hello.peers.filter(({ name }) => settings.wanted(name))) {
    if (spec.nonnegative && !convex) continue;
    try {
      const { samples, variant, setupSeconds, ...certificate } = await peers.process.ask<Prepared>(
        'prepare',
        {
          peer,
          budget: settings.budget,
        },
      );
      contenders.push({
        name: peer,
        by: 'peer',
        threads: 1,
        samples,
        setupSeconds,
        certificate,
        kind: convex ? 'convex' : 'greedy',
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

async function time(contenders: readonly Contender[], settings: Settings, peers?: Peers) {
  const seconds: number[][] = contenders.map(() => []);
  const units: number[] = [];
  const configured: number[] = [];
  const sgemm = async (process: PeerProcess, into: number[]): Promise<void> => {
    into.push((await process.ask<{ seconds: number }>('sgemm')).seconds);
  };
  for (let round = 0; round < settings.repeats; round++) {
    for (const [index, { run, repeats }] of contenders.entries()) {
      if (round % Math.ceil(settings.repeats / repeats) !== 0) continue;
      if (peers) await sgemm(peers.process, units);
      (seconds[index] as number[]).push(await run());
      if (peers?.asConfigured) await sgemm(peers.asConfigured, configured);
    }
  }
  return { seconds, units, configured };
}

export async function runWorkload(
  spec: WorkloadSpec,
  settings: Settings,
  peers?: Peers,
): Promise<WorkloadResult> {
  const work = makeWorkload(spec, (samples, atoms) => {
    using dictionary = Dictionary.from(matrix(atoms, spec.dims));
    return lambdaMax(matrix(samples, spec.dims), dictionary, { nonnegative: spec.nonnegative ?? false });
  });
  const { name, dims, features, active } = spec;
  const description = {
    ...{ dims, features, active, lambda: work.lambda, tolerance: settings.tolerance },
    nonnegative: spec.nonnegative ?? false,
    atoms: writeArray(settings.folder, 'atoms.f32', work.atoms),
    samples: writeArray(settings.folder, 'samples.f32', work.samples),
  };
  for (const peer of [peers?.process, peers?.asConfigured]) await peer?.ask('load', description);

  const failures: string[] = [];
  using dictionary = Dictionary.from(matrix(work.atoms, dims));
  const candidates = [
    ...ourProducts(work, dictionary, settings),
    ...(await ourSolves(work, dictionary, settings, peers)),
    ...(peers ? await peerSolves(spec, settings, peers, failures) : []),
  ];
  const faulty = faults(candidates, settings.tolerance);
  failures.push(...faulty.values());
  const contenders = candidates.filter((candidate) => !faulty.has(candidate));
  const { seconds, units, configured } = await time(contenders, settings, peers);
  const accuracy = accuracies(contenders, work.samples, dims);
  const rows = contenders.map(({ run, certificate, kind, repeats, ...row }, i): Row => {
    const scaled = summarise((seconds[i] as number[]).map((value) => (value * spec.samples) / row.samples));
    const judged = accuracy[i];
    return {
      ...row,
      seconds: scaled,
      ...(units.length > 0
        ? { sgemms: scaled.median / median(units), sgemmsFastest: scaled.min / Math.min(...units) }
        : {}),
      ...(configured.length > 0 ? { sgemmsAsConfigured: scaled.median / median(configured) } : {}),
      ...(judged ? { accuracy: judged } : {}),
    };
  });
  return {
    ...{ name, dims, features, active, samples: spec.samples, lambda: work.lambda, rows, failures },
    ...(units.length > 0 ? { sgemm: summarise(units) } : {}),
    ...(configured.length > 0 ? { sgemmAsConfigured: summarise(configured) } : {}),
  };
}
