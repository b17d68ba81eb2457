// A module built with sanitizers (address, undefined or thread; GCC or Clang on Linux), and the environment that node runs it in. Node itself
// is not built with them, so the sanitizers' run-time libraries are loaded first, and what Node never frees is not counted as a leak.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildFolder, fail, root } from './tools.mjs';

const LIBRARIES = { address: 'libasan.so', undefined: 'libubsan.so', thread: 'libtsan.so' };

/** Whether it could be built. @param {string} list such as address,undefined */
export function buildSanitized(list) {
  const unknown = list.split(',').filter((name) => !(name in LIBRARIES));
  if (unknown.length > 0)
    fail(`unknown sanitizer ${unknown.join(', ')}: there are ${Object.keys(LIBRARIES).join(', ')}`);
  const args = [join(root, 'scripts', 'build.mjs'), '--sanitize', list];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0;
}

/** @param {string} list */
export function sanitizedEnvironment(list) {
  const compiler = process.env.CXX ?? 'g++';
  const preload = list.split(',').map((name) => {
    const { stdout } = spawnSync(compiler, [`-print-file-name=${LIBRARIES[name]}`], { encoding: 'utf8' });
    return stdout?.trim() || fail(`${compiler} does not say where its ${LIBRARIES[name]} is`);
  });
  return {
    ...process.env,
    LD_PRELOAD: preload.join(' '),
    // Freed memory is kept for a while, so that its use is noticed; little, as some tests watch the memory of the process.
    ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=8',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    TSAN_OPTIONS: 'halt_on_error=1',
    UNSUPERPOSE_SANITIZED: list,
    UNSUPERPOSE_BINARY: join(buildFolder(list), 'Release', 'unsuperpose.node'),
  };
}
