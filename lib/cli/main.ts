#!/usr/bin/env node
// `npx unsuperpose build`: compiles the native module from the sources in the package.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { messageOf } from '../call/errors.js';
import { ROOT } from '../native/root.js';

const USAGE = `usage: unsuperpose build [options]

Compiles the native module on this machine; it takes a C++20 compiler. What the build needs of npm packages is fetched.
Options go to cmake-js, for example: --cxx clang++`;

/** Compiles, then shows that the result loads. */
async function build(options: string[]): Promise<number> {
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

const [command, ...options] = process.argv.slice(2);
if (command === 'build' && !options.includes('--help')) {
  process.exitCode = await build(options);
} else if (command === undefined || ['build', 'help', '--help', '-h'].includes(command)) {
  console.log(USAGE);
} else {
  console.error(`unknown command: ${command}\n\n${USAGE}`);
  process.exitCode = 2;
}
