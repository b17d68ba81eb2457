#!/usr/bin/env node
// `npx unsuperpose`: what the package is, and how it is built where it has no prebuilt module.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { messageOf } from '../call/errors.js';
import type { CudaInfo } from '../native/cuda.js';
import { ROOT, readVersion } from '../native/root.js';

interface Command {
  /** What follows the name. */
  readonly usage: string;
  readonly about: readonly string[];
  /** Gets what follows the name; answers the exit status. */
  readonly run: (rest: readonly string[]) => number | Promise<number>;
}

/** For what the caller got wrong, as shells have it. */
const MISUSE = 2;

function misuse(problem: string): number {
  console.error(`${problem}\n\n${help()}`);
  return MISUSE;
}

/** Compiles, then shows that the result loads. */
async function build(options: readonly string[]): Promise<number> {
  if (ROOT === undefined) {
    console.error('unsuperpose build: this code was bundled away from its package, which has the sources');
    return 1;
  }
  const script = join(ROOT, 'scripts', 'build.mjs');
  const { status } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' });
  if (status !== 0) return status ?? 1;
  try {
    const { info } = await import('../native/info.js');
    const { version, isa } = info();
    console.log(`unsuperpose ${version} is built, and loads: instruction set ${isa}`);
    return 0;
  } catch (error) {
    console.error(`unsuperpose build: compiled, but not usable: ${messageOf(error)}`);
    return 1;
  }
}

function describeCuda(cuda: CudaInfo | null): string {
  if (cuda === null) return 'no CUDA module';
  if (!cuda.available) return `none: ${cuda.reason}`;
  const names = cuda.devices.map(({ index, name, computeCapability, reason }) =>
    reason === undefined ? `cuda:${index} ${name} (${computeCapability})` : `cuda:${index} ${reason}`,
  );
  return `${names.join(', ')}; driver ${cuda.driver}, runtime ${cuda.runtime}`;
}

async function showInfo(rest: readonly string[]): Promise<number> {
  const unknown = rest.find((option) => option !== '--json');
  if (unknown !== undefined) return misuse(`unknown option of info: ${unknown}`);
  try {
    const { info } = await import('../native/info.js');
    const found = info();
    if (rest.length > 0) {
      console.log(JSON.stringify(found));
      return 0;
    }
    const { version, isa, supportedIsas, capabilities, precisions, threads, cuda } = found;
    const rows = {
      unsuperpose: `${version} (Node.js ${process.version}, ${process.platform}-${process.arch})`,
      'instruction set': `${isa}, of ${supportedIsas.join(', ')}`,
      'more of it': capabilities.join(', ') || 'nothing',
      precisions: precisions.join(', '),
      threads: String(threads),
      cuda: describeCuda(cuda),
    };
    const width = Math.max(...Object.keys(rows).map((name) => name.length));
    for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(width)}  ${value}`);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

function show(text: string): number {
  console.log(text);
  return 0;
}

/** Every command, and so all that help names. */
const COMMANDS: Readonly<Record<string, Command>> = {
  info: {
    usage: '[--json]',
    about: ['Says what runs here: version, instruction set, precisions, threads.'],
    run: showInfo,
  },
  build: {
    usage: '[options]',
    about: [
      'Compiles the native module on this machine; it takes a C++20 compiler. What the build',
      'needs of npm packages is fetched. With --cuda the module for NVIDIA GPUs too; it takes nvcc.',
      'Other options go to cmake-js, for example: --cxx clang++',
    ],
    run: build,
  },
  version: { usage: '', about: ['Prints the version.'], run: () => show(readVersion()) },
  help: { usage: '', about: ['Prints this.'], run: () => show(help()) },
};

/** The ways to ask for them that other commands have. */
const ALIASES: Readonly<Record<string, string>> = {
  '--version': 'version',
  '-v': 'version',
  '--help': 'help',
  '-h': 'help',
};

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { usage, about }]) => {
    const aliases = Object.keys(ALIASES).filter((alias) => ALIASES[alias] === name);
    return [
      `  unsuperpose ${[name, usage, ...aliases.map((alias) => `| ${alias}`)].join(' ').trim()}`,
      ...about,
    ]
      .join('\n      ')
      .replace(/ {2,}\|/g, ' |');
  });
  return `usage:\n${commands.join('\n')}`;
}

async function main([first, ...rest]: readonly string[]): Promise<number> {
  if (first === undefined || rest.includes('--help') || rest.includes('-h')) return show(help());
  const name = ALIASES[first] ?? first;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return command === undefined ? misuse(`unknown command: ${first}`) : command.run(rest);
}

process.exitCode = await main(process.argv.slice(2));
