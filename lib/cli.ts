#!/usr/bin/env node
// `npx unsuperpose build`: compiles the native module from the sources in the package.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [command, ...rest] = process.argv.slice(2);

if (command === 'build' && rest.length === 0) {
  const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
  process.exitCode = spawnSync(process.execPath, [script], { stdio: 'inherit' }).status ?? 1;
} else {
  const help = command === undefined || command === '--help' || command === 'help';
  (help ? console.log : console.error)(
    `${help ? '' : `unknown command: ${[command, ...rest].join(' ')}\n\n`}usage: unsuperpose build    compile the native module on this machine (needs a C++20 compiler)`,
  );
  process.exitCode = help ? 0 : 2;
}
