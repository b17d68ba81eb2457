// One workload in a process of its own: for its memory, or for an instruction set forced from the start.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv, resourceUsage } from 'node:process';
import { fileURLToPath } from 'node:url';
import { info } from '../lib/index.js';
import type { Settings } from './contenders.js';
import { closePeers, startPeers } from './peers.js';
import type { WorkloadResult } from './result.js';
import { runWorkload } from './solves.js';
import { makeSynthetic, type WorkloadSpec } from './workloads.js';

type Plan = Omit<Settings, 'wanted' | 'log' | 'ours'> & { readonly ours: readonly string[] };

interface Job {
  readonly spec: WorkloadSpec;
  readonly plan: Plan;
  /** starts of the names of the peers that take part */
  readonly peers: readonly string[];
  readonly answer: string;
}

export interface Answer {
  readonly result: WorkloadResult;
  readonly isa: string;
}

const here = fileURLToPath(import.meta.url);
const bytesPerKilobyte = 1024;
const noted = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** `isa`: as UNSUPERPOSE_ISA. */
export async function runInOwnProcess(
  spec: WorkloadSpec,
  plan: Plan,
  peers: readonly string[],
  isa?: string,
): Promise<Answer> {
  const answer = join(plan.folder, 'answer.json');
  const file = join(plan.folder, 'job.json');
  writeFileSync(file, JSON.stringify({ spec, plan, peers, answer } satisfies Job));
  const env = isa === undefined ? process.env : { ...process.env, UNSUPERPOSE_ISA: isa };
  const child = spawn(process.execPath, ['--import', 'tsx', here, file], { env, stdio: 'inherit' });
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`the process of ${spec.name} ended with ${code ?? signal}`)),
    );
  });
  return JSON.parse(readFileSync(answer, 'utf8')) as Answer;
}

async function serve({ spec, plan, peers: starts, answer }: Job): Promise<void> {
  const peers = await startPeers([], starts.length === 0);
  const wanted = (peer: string): boolean => starts.some((start) => peer.startsWith(start));
  try {
    const run = await runWorkload(makeSynthetic(spec), { ...plan, wanted, log: noted }, peers);
    const { result, dictionaryBytes, inputBytes } = run;
    const peakBytes = resourceUsage().maxRSS * bytesPerKilobyte;
    const memory = { peakBytes, dictionaryBytes, inputBytes };
    const whole: Answer = { result: { ...result, memory }, isa: info().isa };
    writeFileSync(answer, JSON.stringify(whole));
  } finally {
    closePeers(peers);
  }
}

if (argv[1] === here) await serve(JSON.parse(readFileSync(argv[2] as string, 'utf8')) as Job);
