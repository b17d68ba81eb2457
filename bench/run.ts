// npm run bench: workloads, peers, small calls; writes one result file and prints it as tables.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runLearning } from './learning.js';
import { describeMachine, describeSource, machineSlug } from './machine.js';
import { findPython, openBlasSettings, type PeerHello, startPeer } from './peer-process.js';
import { markdown, writeReport } from './report.js';
import type { Result } from './result.js';
import { runSmallCalls, smallCallsAre } from './small.js';
import { type Peers, runWorkload, type Settings } from './solves.js';
import { workloads } from './workloads.js';

const help = `npm run bench -- [options]
  --workloads W1,W2,W2c,W2n,W3   which workloads (default: all; --quick: W1,W2; "none" for none)
  --peers sklearn,torch          which peers, by the start of their names (default: all; "none" for sgemm alone)
  --repeats 9                    timed runs of each of our rows
  --only solves,learning,small   which parts (default: all)
  --quick                        under a minute
  --out FILE                     where the result goes (default: bench/results/<date>-<machine>.json; --quick: not kept)
  --report FILE                  writes the tables of a result file into bench/README.md and stops`;

const tolerance = 1e-5;
const full = {
  repeats: 9,
  peerRepeats: 3,
  budget: 2,
  smallSeconds: 2,
  learningSteps: 20,
  learningRepeats: 3,
};
const quick = {
  repeats: 5,
  peerRepeats: 1,
  budget: 0.3,
  smallSeconds: 0.3,
  learningSteps: 4,
  learningRepeats: 1,
};

const here = dirname(fileURLToPath(import.meta.url));
const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const { values: options } = parseArgs({
  options: {
    workloads: { type: 'string' },
    peers: { type: 'string' },
    repeats: { type: 'string' },
    only: { type: 'string', default: 'solves,learning,small' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const list = (text: string): string[] => (text === 'none' ? [] : text.split(','));

async function startPeers(skipped: string[]): Promise<Peers | undefined> {
  const python = findPython();
  if (!python) {
    skipped.push(
      'all peers and the sgemm unit: no Python that imports numpy (UNSUPERPOSE_BENCH_PYTHON names one)',
    );
    return undefined;
  }
  const peer = startPeer(python);
  const hello = await peer.ask<PeerHello>('hello');
  for (const [name, reason] of Object.entries(hello.missing)) skipped.push(`${name}: ${reason}`);
  if (!hello.openblas)
    skipped.push('nothing, but numpy runs on another BLAS than OpenBLAS: the unit is its product');
  const settings = openBlasSettings();
  if (Object.keys(settings).length === 0) return { hello, process: peer };
  return { hello, process: peer, asConfigured: startPeer(python, settings) };
}

async function runAll(): Promise<Result> {
  const plan = options.quick ? quick : full;
  const repeats = options.repeats === undefined ? plan.repeats : Number(options.repeats);
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new Error(`--repeats must be a whole number ≥ 1, got ${options.repeats}`);
  const names = list(
    options.workloads ?? (options.quick ? 'W1,W2' : workloads.map(({ name }) => name).join()),
  );
  const unknown = names.find((name) => !workloads.some((spec) => spec.name === name));
  if (unknown !== undefined) throw new Error(`--workloads: there is no ${unknown}`);
  const starts = options.peers === undefined ? undefined : list(options.peers);
  const only = list(options.only);

  const skipped: string[] = [];
  const peers = await startPeers(skipped);
  for (const line of skipped) log(`skipped: ${line}`);
  const configured = await peers?.asConfigured?.ask<PeerHello>('hello');
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
    learning: [] as Result['learning'],
    small: [] as Result['small'],
  };
  try {
    for (const spec of only.includes('solves') ? workloads.filter(({ name }) => names.includes(name)) : []) {
      log(`${spec.name} …`);
      result.workloads.push(await runWorkload(spec, settings, peers));
    }
    if (only.includes('learning')) {
      log('learning …');
      const learner = peers?.hello.peers.some(
        ({ name }) => name.startsWith('sklearn') && settings.wanted(name),
      );
      const learningPlan = { steps: plan.learningSteps, repeats: plan.learningRepeats, folder };
      result.learning = await runLearning(learningPlan, learner ? peers?.process : undefined);
    }
    if (only.includes('small')) {
      log(`small calls (${smallCallsAre}) …`);
      result.small = runSmallCalls(plan.smallSeconds);
    }
  } finally {
    peers?.process.close();
    peers?.asConfigured?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return result;
}

if (options.help) {
  log(help);
} else if (options.report !== undefined) {
  process.stdout.write(`${writeReport(options.report, join(here, 'README.md'))}\n`);
} else {
  const result = await runAll();
  process.stdout.write(`${markdown(result)}\n`);
  const out = options.out ?? join(here, 'results', `${result.date}-${machineSlug(result.machine)}.json`);
  if (!options.quick || options.out !== undefined) {
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${JSON.stringify(result, undefined, 1)}\n`);
    log(`written: ${basename(out)}`);
  }
}
