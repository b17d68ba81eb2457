// npm run test:native [-- --sanitize LIST] [ctest arguments]: builds the programs of test/native/ and test/cuda/ beside the module and runs them
// by ctest. The module's build folder must be there (npm run build:native), but with sanitizers. With -R cuda only test/cuda/ is built:
//   npm run test:native -- --sanitize thread -R cuda    looks for races in the kernels, which the emulation runs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { buildFolder, fail, provideTools, root, takeSanitizers } from './tools.mjs';

const { sanitize, rest } = takeSanitizers(process.argv.slice(2));
const folder = buildFolder(sanitize);
if (!existsSync(join(folder, 'CMakeCache.txt'))) {
  if (!sanitize) fail(`${folder} holds no build: run npm run build:native first`);
  run(process.execPath, [join(root, 'scripts', 'build.mjs'), '--configure', '--sanitize', sanitize]);
}
const chosen = rest[rest.indexOf('-R') + 1] ?? '';
const target = rest.includes('-R') && /^\^?cuda/.test(chosen) ? 'cuda_tests' : 'native_tests';
const { cmake } = provideTools();
const ctest = cmake === 'cmake' ? 'ctest' : join(dirname(cmake), 'ctest');
const report = join(root, 'build', 'native-test-results.xml');
mkdirSync(dirname(report), { recursive: true });

function run(command, args) {
  const env = { ...process.env, UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' };
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error) fail(`${command} did not run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

run(cmake, [
  '--build',
  folder,
  '--config',
  'Release',
  '--target',
  target,
  '--parallel',
  String(availableParallelism()),
]);
run(ctest, [
  '--test-dir',
  folder,
  '-C',
  'Release',
  '--output-on-failure',
  '--no-tests=error',
  '--output-junit',
  report,
  ...rest,
]);
