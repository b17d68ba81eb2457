// npm run bench: workloads, peers, small calls; writes one result file and prints it as tables.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { info } from '../lib/index.js';
import { runBatches } from './batches.js';
import type { Peers, Settings } from './contenders.js';
import { runLearning } from './learning.js';
import { listaPlans, runListaParts } from './lista-plans.js';
import { describeMachine, describeSource, machineSlug } from './machine.js';
import { runMethods } from './methods.js';
import { type Answer, runInOwnProcess } from './own-process.js';
import { runPairs } from './pairs.js';
import { openBlasSettings, type PeerHello } from './peer-process.js';
import { closePeers, startPeers } from './peers.js';
import { runPlanted } from './planted.js';
import { recoveryPlans, runRecovery } from './recovery.js';
import { markdown, writeReport } from './report.js';
import { type Result, toJson, type WorkloadResult } from './result.js';
import { runSetUp } from './setup.js';
import { runSmallCalls, smallCallsAre } from './small.js';
import { runWorkload } from './solves.js';
import { sweepAccuracy, sweepFeatures } from './sweeps.js';
import { runToy } from './toy.js';
import { runTraining } from './training.js';
import { makeWordSenses, wordSensesName } from './word-senses.js';
import { makeSynthetic, type WorkloadSpec, workloads } from './workloads.js';

const help = `npm run bench -- [options]
  --workloads W1,W2,R1           which workloads (default: W1,W2,W2c,W2n,W3,R1,R2; --quick: W1,W2; "none" for none)
  --peers sklearn,torch,spams    which peers, by the start of their names (default: all; "none" for sgemm alone)
  --repeats 9                    timed runs of each of our rows
  --only solves,features,accuracy,pairs,toy,learning,recovery,training,lista,setup,batches,small   which parts (default: all);
                                 or recovery-16k, which takes more than an hour and 8 GB
  --quick                        under a minute
  --out FILE                     where the result goes (default: bench/results/<date>-<machine>.json; --quick: not kept)
  --report FILE,FILE2            writes the tables of result files into bench/README.md, the plots of the first into bench/plots, and stops`;

const parts = [
  'solves',
  'features',
  'accuracy',
  'pairs',
  'toy',
  'learning',
  'training',
  'recovery',
  'lista',
  'setup',
  'batches',
  'small',
];
/** Only where it is asked for. */
const largePart = 'recovery-16k';
const tolerance = 1e-5;
const of = (...names: readonly string[]): WorkloadSpec[] =>
  workloads.filter(({ name }) => names.includes(name));
const full = {
  repeats: 9,
  peerRepeats: 3,
  budget: 2,
  smallSeconds: 2,
  learningSteps: 20,
  learningRepeats: 3,
  planted: { seeds: [1, 2, 3, 4, 5] },
  methods: { seeds: [1, 2, 3], seconds: [0.25, 0.5, 1, 2] },
  recovery: recoveryPlans.full,
  lista: listaPlans.full,
  sizes: [4096, 8192, 16384, 32768, 65536, 131072],
  tolerances: [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7],
  sweepRepeats: 5,
  sweepFewest: 200,
  pairs: { features: 65536, repeats: 3 },
  toy: { share: 1 },
  setUp: { specs: of('W1', 'W2', 'W3'), samplesACall: 100, calls: 12, repeats: 3 },
  batches: { specs: of('W2', 'W3'), samples: 400, calls: 8 },
  training: {
    shapes: [
      { batch: 1024, dims: 512, features: 4096, active: 32 },
      { batch: 2048, dims: 256, features: 8192, active: 32 },
    ],
    ...{ runs: 7, steps: 2, batches: 4, settling: { batch: 128, steps: 300 } },
  },
};
const quick = {
  repeats: 5,
  peerRepeats: 1,
  budget: 0.3,
  smallSeconds: 0.3,
  learningSteps: 4,
  learningRepeats: 1,
  planted: { seeds: [1] },
  methods: { seeds: [1], seconds: [0.2, 0.4] },
  recovery: recoveryPlans.quick,
  lista: listaPlans.quick,
  sizes: [4096, 8192],
  tolerances: [1e-3, 1e-5],
  sweepRepeats: 2,
  sweepFewest: 50,
  pairs: { features: 4096, repeats: 1 },
  toy: { share: 0.01 },
  setUp: { specs: of('W1', 'W2'), samplesACall: 50, calls: 8, repeats: 1 },
  batches: { specs: of('W2'), samples: 50, calls: 4 },
  training: {
    shapes: [{ batch: 256, dims: 128, features: 1024, active: 8 }],
    ...{ runs: 3, steps: 2, batches: 4, settling: { batch: 64, steps: 100 } },
  },
};
/** Of R2, where the others would take minutes a run or more memory than a machine has. */
const largePlan = {
  ours: ['product, stored', 'product, maximum', 'lasso', 'lasso, 2 threads'],
  peers: ['sklearn lasso_cd'],
  settings: { peerRepeats: 1, fewest: 5, budget: 1 },
};
const allNames = [...workloads.map(({ name }) => name), wordSensesName];

const here = dirname(fileURLToPath(import.meta.url));
function keep(result: Result): void {
  if (options.quick && options.out === undefined) return;
  const out = options.out ?? join(here, 'results', `${result.date}-${machineSlug(result.machine)}.json`);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, toJson(result));
  log(`written: ${basename(out)}`);
}
const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const { values: options } = parseArgs({
  options: {
    workloads: { type: 'string' },
    peers: { type: 'string' },
    repeats: { type: 'string' },
    only: { type: 'string', default: parts.join() },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const list = (text: string): string[] => (text === 'none' ? [] : text.split(','));

const withRows = (result: WorkloadResult, { result: forced, isa }: Answer): WorkloadResult => ({
  ...result,
  rows: [...result.rows, ...forced.rows.map((one) => ({ ...one, isa }))],
  failures: [...result.failures, ...forced.failures.map((failure) => `${isa}: ${failure}`)],
});

/** The lasso once more where only AVX2 may be used: a row beside the others, with the target of that level. */
async function withAvx2(
  result: WorkloadResult,
  spec: WorkloadSpec,
  settings: Settings,
): Promise<WorkloadResult> {
  const { lassoAvx2 } = spec.targets ?? {};
  const { wanted: _, log: __, ...plan } = settings;
  const spared = options.quick && spec.name !== 'W1';
  if (lassoAvx2 === undefined || spared || info().isa !== 'avx512') return result;
  const forced = { ...spec, targets: { lasso: lassoAvx2 } };
  return withRows(result, await runInOwnProcess(forced, { ...plan, ours: ['lasso'] }, [], 'avx2'));
}

async function runOne(spec: WorkloadSpec, settings: Settings, peers?: Peers): Promise<WorkloadResult> {
  if (!spec.ownProcess) {
    const { result } = await runWorkload(makeSynthetic(spec), settings, peers);
    return withAvx2(result, spec, settings);
  }
  const { wanted, log: _, ...plan } = settings;
  const starts = largePlan.peers.filter(wanted);
  return (await runInOwnProcess(spec, { ...plan, ...largePlan.settings, ours: largePlan.ours }, starts))
    .result;
}

async function runAll(): Promise<Result> {
  const plan = options.quick ? quick : full;
  const repeats = options.repeats === undefined ? plan.repeats : Number(options.repeats);
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new Error(`--repeats must be a whole number ≥ 1, got ${options.repeats}`);
  const names = list(options.workloads ?? (options.quick ? 'W1,W2' : allNames.join()));
  const unknown = names.find((name) => !allNames.includes(name));
  if (unknown !== undefined) throw new Error(`--workloads: there is no ${unknown}`);
  const starts = options.peers === undefined ? undefined : list(options.peers);
  const only = list(options.only);
  const known = [...parts, largePart];
  const stranger = only.find((part) => !known.includes(part));
  if (stranger !== undefined) throw new Error(`--only: there is no ${stranger}, only ${known.join(', ')}`);

  const skipped: string[] = [];
  const peers = await startPeers(skipped);
  for (const line of skipped) log(`skipped: ${line}`);
  const configured = await peers?.asConfigured?.ask<PeerHello>('hello', { bare: true });
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-bench-'));
  const settings: Settings = {
    ...{
      tolerance,
      repeats,
      folder,
      log,
      budget: plan.budget,
      peerRepeats: Math.min(plan.peerRepeats, repeats),
    },
    wanted: (peer) => starts?.some((start) => peer.startsWith(start)) ?? true,
  };
  let pairs: Result['pairs'];
  let toy: Result['toy'];
  let setUp: Result['setUp'];
  let batches: Result['batches'];
  let recovery: Result['recovery'];
  let methods: Result['methods'];
  let training: Result['training'];
  let featuresRecovered: Result['featuresRecovered'];
  let lista: Result['lista'];
  const result = {
    date: new Date().toISOString().slice(0, 10),
    ...{ quick: options.quick, tolerance, repeats },
    machine: describeMachine(),
    source: describeSource(),
    peers: {
      versions: peers?.hello.versions ?? {},
      openblas: peers?.hello.openblas ?? null,
      environment: peers ? openBlasSettings() : {},
      ...(configured ? { openblasAsConfigured: configured.openblas } : {}),
      skipped,
    },
    workloads: [] as Result['workloads'][number][],
    sweeps: {} as NonNullable<Result['sweeps']>,
    learning: [] as Result['learning'],
    small: [] as Result['small'],
  };
  try {
    for (const spec of only.includes('solves') ? workloads.filter(({ name }) => names.includes(name)) : []) {
      log(`${spec.name} …`);
      result.workloads.push(
        await runOne(options.quick ? { ...spec, pursuits: false } : spec, settings, peers),
      );
    }
    if (only.includes('solves') && names.includes(wordSensesName)) {
      log(`${wordSensesName} …`);
      const work = await makeWordSenses(log);
      if (typeof work === 'string') {
        log(`SKIPPED: ${work}`);
        skipped.push(work);
      } else result.workloads.push((await runWorkload(work, settings, peers)).result);
    }
    const sweepSettings: Settings = {
      ...{ ...settings, peerRepeats: 1, fewest: plan.sweepFewest },
      repeats: Math.min(plan.sweepRepeats, repeats),
    };
    if (only.includes('features')) {
      log('time against features …');
      result.sweeps = { ...result.sweeps, features: await sweepFeatures(plan.sizes, sweepSettings) };
    }
    if (only.includes('accuracy') && peers) {
      log('time against accuracy …');
      result.sweeps = {
        ...result.sweeps,
        accuracy: await sweepAccuracy(plan.tolerances, sweepSettings, peers),
      };
    }
    if (only.includes('pairs')) {
      log('pairs of features …');
      pairs = await runPairs({ ...plan.pairs, folder }, peers);
    }
    if (only.includes('toy')) {
      log('toy models …');
      toy = await runToy(plan.toy);
    }
    if (only.includes('learning')) {
      log('learning …');
      const learner = peers?.hello.peers.some(
        ({ name }) => name.startsWith('sklearn') && settings.wanted(name),
      );
      const learningPlan = { steps: plan.learningSteps, repeats: plan.learningRepeats, folder };
      result.learning = await runLearning(learningPlan, learner ? peers?.process : undefined);
      log('planted atoms …');
      recovery = await runPlanted(plan.planted);
      log('planted atoms, method by method …');
      methods = await runMethods(plan.methods);
    }
    if (only.includes('recovery')) {
      log('known features …');
      featuresRecovered = await runRecovery(plan.recovery, log);
    }
    if (only.includes(largePart)) {
      log('known features, 16,384 of them …');
      // Its rows are hours apart: none is lost where a run is cut off.
      featuresRecovered = await runRecovery(recoveryPlans.large, log, (soFar) =>
        keep({ ...result, featuresRecovered: soFar }),
      );
    }
    if (only.includes('training')) {
      log('training steps …');
      training = await runTraining({ ...plan.training, folder, log, wanted: settings.wanted }, peers);
    }
    if (only.includes('lista')) {
      log('unrolled networks …');
      lista = await runListaParts(plan.lista, { folder, log, peers });
    }
    if (only.includes('setup')) {
      log('setting up …');
      setUp = runSetUp(plan.setUp);
    }
    if (only.includes('batches')) {
      log('batch after batch …');
      batches = runBatches(plan.batches);
    }
    if (only.includes('small')) {
      log(`small calls (${smallCallsAre}) …`);
      result.small = runSmallCalls(plan.smallSeconds);
    }
  } finally {
    closePeers(peers);
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    ...result,
    ...(pairs ? { pairs } : {}),
    ...(toy ? { toy } : {}),
    ...(setUp ? { setUp } : {}),
    ...(batches ? { batches } : {}),
    ...(recovery ? { recovery } : {}),
    ...(methods ? { methods } : {}),
    ...(training ? { training } : {}),
    ...(featuresRecovered ? { featuresRecovered } : {}),
    ...(lista ? { lista } : {}),
  };
}

if (options.help) {
  log(help);
} else if (options.report !== undefined) {
  process.stdout.write(`${await writeReport(list(options.report), here)}\n`);
} else {
  const result = await runAll();
  process.stdout.write(`${markdown(result)}\n`);
  keep(result);
}
