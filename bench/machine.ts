// Where and from what a figure comes. No paths: the result files are published.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { info } from '../lib/index.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly arch: string;
  readonly node: string;
}

export interface Source {
  readonly commit: string;
  /** uncommitted changes in tracked files */
  readonly dirty: boolean;
  readonly version: string;
  readonly isa: string;
  readonly capabilities: readonly string[];
}

const bytesPerGiB = 2 ** 30;

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / bytesPerGiB),
    os: type(),
    arch: process.arch,
    node: process.version,
  };
}

function git(...args: string[]): string {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  try {
    return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

export function describeSource(): Source {
  const { version, isa, capabilities } = info();
  return {
    commit: git('rev-parse', '--short=12', 'HEAD') || 'unknown',
    dirty: git('status', '--porcelain', '--untracked-files=no') !== '',
    version,
    isa,
    capabilities: [...capabilities],
  };
}

/** 'AMD EPYC', 2 cores → 'amd-epyc-2-cores'. */
export function machineSlug({ cpu, cores }: Machine): string {
  return `${cpu} ${cores} cores`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
