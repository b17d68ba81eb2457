// npm run test:arm: cross-compiles the kernels for arm64 Linux and checks them under emulation, with and without bfloat16. Needs
// aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user); skipped with a line that says so otherwise.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = 'aarch64-linux-gnu-g++';
const emulator = 'qemu-aarch64';
/** Processors: one with bfloat16 and the dot product, one with the dot product, one with neither. */
const processors = ['max', 'cortex-a76', 'cortex-a57'];

const missing = [compiler, emulator].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
if (missing.length > 0) {
  console.warn(`SKIPPED: no ${missing.join(' and no ')} on the PATH`);
  process.exit(0);
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** compatibility.cpp is for the shared module's symbol floor, and clashes with a static libstdc++. */
const sources = ['core', 'kernels', 'solvers']
  .flatMap((folder) =>
    readdirSync(join(root, 'native', folder), { recursive: true }).map((name) =>
      join('native', folder, name),
    ),
  )
  .filter((name) => name.endsWith('.cpp') && !name.endsWith('compatibility.cpp'))
  .concat(join('test', 'arm', 'scores.cpp'));
const folder = join(root, 'build', 'arm');
mkdirSync(folder, { recursive: true });
const flags = ['-std=c++20', '-O2', '-ffp-contract=off', '-Wall', '-Wextra', '-Wpedantic'];
const objects = sources.map((source) => {
  const object = join(folder, `${source.replace(/\W/g, '_')}.o`);
  run(compiler, [...flags, '-c', source, '-o', object]);
  return object;
});
const program = join(folder, 'scores');
run(compiler, ['-static', ...objects, '-o', program, '-pthread']);
for (const processor of processors) {
  console.log(`${emulator} -cpu ${processor}`);
  run(emulator, ['-cpu', processor, program]);
}
