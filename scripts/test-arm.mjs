// npm run test:arm: cross-compiles the core library and the programs of test/native/ for arm64 Linux, and runs them under emulation on
// processors with bfloat16 and the dot product, and without. Needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user);
// skipped with a line that says so otherwise.
import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { provideTools, root } from './tools.mjs';

const compiler = 'aarch64-linux-gnu-g++';
const emulator = 'qemu-aarch64';
/** Processors: one with bfloat16 and the dot product, one with the dot product, one with neither. */
const processors = ['max', 'cortex-a76', 'cortex-a72'];

const missing = [compiler, emulator].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
if (missing.length > 0) {
  console.warn(`SKIPPED: no ${missing.join(' and no ')} on the PATH`);
  process.exit(0);
}

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const { cmake } = provideTools();
const ctest = cmake === 'cmake' ? 'ctest' : join(dirname(cmake), 'ctest');
const folder = join(root, 'build', 'arm');
const parallel = String(availableParallelism());
run(cmake, [
  ...['-S', root, '-B', folder, '-DCMAKE_SYSTEM_NAME=Linux', '-DCMAKE_SYSTEM_PROCESSOR=aarch64'],
  ...[`-DCMAKE_CXX_COMPILER=${compiler}`, `-DCMAKE_CROSSCOMPILING_EMULATOR=${emulator}`],
  ...['-DCMAKE_EXE_LINKER_FLAGS=', '-DCMAKE_BUILD_TYPE=Release'], // no flags, whatever an older build folder remembers
]);
run(cmake, ['--build', folder, '--target', 'native_tests', '--parallel', parallel]);
// Where the emulated programs find their loader and libraries: linked as the module is, which names old versions of symbols.
const libc = execFileSync(compiler, ['-print-file-name=libc.so.6'], { encoding: 'utf8' }).trim();
const libraries = resolve(dirname(libc), '..');
/** Starts itself again, which takes the host's kernel to know how Arm's programs are run. */
const excluded = 'cuda_faults';
for (const processor of processors) {
  console.log(`${emulator} -cpu ${processor}`);
  run(
    ctest,
    [
      '--test-dir',
      folder,
      '--output-on-failure',
      '--no-tests=error',
      '--exclude-regex',
      excluded,
      '--parallel',
      parallel,
    ],
    {
      QEMU_CPU: processor,
      QEMU_LD_PREFIX: libraries,
    },
  );
}
