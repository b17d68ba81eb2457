// npm run test:native [-- --sanitize LIST] [ctest arguments]: builds the programs of test/native/ and test/cuda/ beside the module and runs them
// by ctest. The module's build folder must be there (npm run build:native), but with sanitizers. With -R only the programs of those tests are built:
//   npm run test:native -- --sanitize thread -R 'cuda_(lasso|pursuit)$'    looks for races in the kernels, which the emulation runs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { buildFolder, fail, provideTools, root, takeSanitizers } from './tools.mjs';

const { sanitize, rest } = takeSanitizers(process.argv.slice(2));
const folder = buildFolder(sanitize);
if (!existsSync(join(folder, 'CMakeCache.txt'))) {
  if (!sanitize) fail(`${folder} holds no build: run npm run build:native first`);
  run(process.execPath, [join(root, 'scripts', 'build.mjs'), '--configure', '--sanitize', sanitize]);
}
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

/** The programs of test/native/ and test/cuda/, as tests are called after them, the longest names first. */
const programs = ['native', 'cuda']
  .flatMap((part) =>
    readdirSync(join(root, 'test', part))
      .filter((file) => file.endsWith('.cpp'))
      .map((file) => `${part === 'cuda' ? 'cuda_' : ''}${basename(file, '.cpp')}`),
  )
  .sort((a, b) => b.length - a.length);

/** What to build: the programs of the tests that `-R` names, or all. A test is called after its program, or is that with other settings, <program>_… */
function targets() {
  if (!rest.includes('-R')) return ['native_tests'];
  const wanted = rest[rest.indexOf('-R') + 1] ?? '';
  const { stdout } = spawnSync(ctest, ['--test-dir', folder, '--show-only=json-v1', '-R', wanted], {
    encoding: 'utf8',
  });
  const found = JSON.parse(stdout).tests.map(({ name }) =>
    programs.find((program) => name === program || name.startsWith(`${program}_`)),
  );
  if (found.length === 0) fail(`no test's name matches ${wanted}`);
  return [...new Set(found)].map((program) => `test_${program}`);
}

run(cmake, [
  '--build',
  folder,
  '--config',
  'Release',
  '--target',
  ...targets(),
  '--parallel',
  String(availableParallelism()),
]);
const asked = rest.some((argument) => /^(-j|--parallel)/.test(argument));
run(ctest, [
  ...(asked ? [] : ['--parallel', String(availableParallelism())]),
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
