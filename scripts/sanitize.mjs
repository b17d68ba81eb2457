// npm run test:sanitize -- address,undefined [vitest arguments]: the tests on a module built with these sanitizers
// (address, undefined or thread; GCC or Clang on Linux). Node itself is not built with them, so the sanitizers' run-time
// libraries are loaded first, and what Node never frees is not counted as a leak.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fail, root } from './tools.mjs';

const LIBRARIES = { address: 'libasan.so', undefined: 'libubsan.so', thread: 'libtsan.so' };

const [list = 'address,undefined', ...rest] = process.argv.slice(2);
const names = list.split(',');
const unknown = names.filter((name) => !(name in LIBRARIES));
if (unknown.length > 0)
  fail(`unknown sanitizer ${unknown.join(', ')}: there are ${Object.keys(LIBRARIES).join(', ')}`);

const build = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--sanitize', list], {
  stdio: 'inherit',
});
if (build.status !== 0) process.exit(1);

const compiler = process.env.CXX ?? 'g++';
const preload = names.map((name) => {
  const { stdout } = spawnSync(compiler, [`-print-file-name=${LIBRARIES[name]}`], { encoding: 'utf8' });
  return stdout?.trim() || fail(`${compiler} does not say where its ${LIBRARIES[name]} is`);
});
const env = {
  ...process.env,
  LD_PRELOAD: preload.join(' '),
  // Freed memory is kept for a while, so that its use is noticed; little, as some tests watch the memory of the process.
  ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=8',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
  UNSUPERPOSE_TEST_REPORT: join(root, 'build', 'sanitize-test-results.json'),
  UNSUPERPOSE_BINARY: join(root, 'build', `sanitize-${names.join('-')}`, 'Release', 'unsuperpose.node'),
};
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
process.exitCode =
  spawnSync(process.execPath, [vitest, 'run', ...rest], { cwd: root, env, stdio: 'inherit' }).status ?? 1;
