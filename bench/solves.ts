// The whole-workload harness: every contender solves the same workload, answers are judged before anything is timed,
// and the timed runs are interleaved (one sgemm before each) so that ratios come from one stretch of time.
import { Dictionary } from '../lib/index.js';
import { accuracies, faults } from './accuracy.js';
import {
  type Contender,
  kept,
  matrix,
  ourProducts,
  ourSolves,
  type Peers,
  peerSolves,
  type Settings,
  writeArray,
} from './contenders.js';
import type { PeerProcess } from './peer-process.js';
import type { Row, WorkloadResult } from './result.js';
import { lassoStages } from './stages.js';
import { median, summarise } from './statistics.js';
import type { Workload } from './workloads.js';

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

/** With what the process holds: the memory of the dictionary is read while it is there. */
export interface Run {
  readonly result: WorkloadResult;
  readonly dictionaryBytes: number;
  readonly inputBytes: number;
}

export async function runWorkload(work: Workload, settings: Settings, peers?: Peers): Promise<Run> {
  const { spec } = work;
  const { name, dims, features, active } = spec;
  const description = {
    ...{ dims, features, active, lambda: work.lambda, tolerance: settings.tolerance, top: kept },
    nonnegative: spec.nonnegative ?? false,
    atoms: writeArray(settings.folder, 'atoms.f32', work.atoms),
    samples: writeArray(settings.folder, 'samples.f32', work.samples),
  };
  for (const peer of [peers?.process, peers?.asConfigured]) await peer?.ask('load', description);

  const failures: string[] = [];
  using dictionary = Dictionary.from(matrix(work.atoms, dims));
  const candidates = [
    ...(await ourProducts(work, dictionary, settings, peers)),
    ...(await ourSolves(work, dictionary, settings, peers)),
    ...(peers ? await peerSolves(spec, settings, peers, failures) : []),
  ];
  const faulty = faults(candidates, settings.tolerance);
  failures.push(...faulty.values());
  const contenders = candidates.filter((candidate) => !faulty.has(candidate));
  const { seconds, units, configured } = await time(contenders, settings, peers);
  const accuracy = accuracies(contenders, work.samples, dims);
  const medianOf = (i: number): number => median(seconds[i] as number[]);
  const lasso = contenders.findIndex((one) => one.name === 'lasso' && one.threads === 1);
  const rows = contenders.map(
    ({ run, certificate, top, tolerance, kind, repeats, diverged, ...row }, i): Row => {
      const scaled = summarise((seconds[i] as number[]).map((value) => (value * spec.samples) / row.samples));
      const judged = accuracy[i];
      return {
        ...row,
        seconds: scaled,
        ...(units.length > 0
          ? { sgemms: scaled.median / median(units), sgemmsFastest: scaled.min / Math.min(...units) }
          : {}),
        ...(configured.length > 0 ? { sgemmsAsConfigured: scaled.median / median(configured) } : {}),
        ...(row.target?.mostLassos !== undefined && lasso >= 0
          ? { lassos: medianOf(i) / medianOf(lasso) }
          : {}),
        ...(judged ? { accuracy: judged } : {}),
      };
    },
  );
  const stages = lasso < 0 ? undefined : lassoStages(work, dictionary, settings.tolerance);
  return {
    result: {
      ...{ name, dims, features, active, samples: spec.samples, lambda: work.lambda, rows, failures },
      ...(units.length > 0 ? { sgemm: summarise(units) } : {}),
      ...(configured.length > 0 ? { sgemmAsConfigured: summarise(configured) } : {}),
      ...(spec.origin === undefined ? {} : { origin: spec.origin }),
      ...(stages === undefined ? {} : { stages }),
    },
    dictionaryBytes: dictionary.bytes,
    inputBytes: work.atoms.byteLength + work.samples.byteLength,
  };
}
