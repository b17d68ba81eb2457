#!/usr/bin/env node
// `npx unsuperpose build`: compiles the native module from the sources in the package.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const USAGE =
  'usage: unsuperpose build    compile the native module on this machine (it takes a C++20 compiler)';

/** Compiles, then shows that the result loads. */
async function build(): Promise<number> {
  const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
  if (status !== 0) return status ?? 1;
  try {
    const { info } = await import('./index.js');
    const { version, isa } = info();
    console.log(`unsuperpose ${version} is built, and loads: instruction set ${isa}`);
    return 0;
  } catch (error) {
    console.error(
      `unsuperpose build: compiled, but not usable: ${error instanceof Error ? error.message : error}`,
    );
    return 1;
  }
}

const args = process.argv.slice(2);
if (args.length === 1 && args[0] === 'build') {
  process.exitCode = await build();
} else if (args.length === 0 || (args.length === 1 && ['help', '--help', '-h'].includes(args[0] ?? ''))) {
  console.log(USAGE);
} else {
  console.error(`unknown command: ${args.join(' ')}\n\n${USAGE}`);
  process.exitCode = 2;
}
