#!/usr/bin/env node
// npm run gpu-check: all that only a machine with an NVIDIA GPU can show. Builds the CUDA module for that GPU, compares it with the CPU (the
// C++ programs of test/cuda/, then the API's tests), runs the programs under compute-sanitizer, times, and writes what came out to
// bench/results/<date>-<gpu>.json. A stage that cannot run is skipped, with the reason; one that fails makes the whole fail.
//   --skip LIST           leaves stages out, of: build, programs, api, sanitizer, bench, kernels, torch
//   --only LIST           runs these alone
//   --architecture NAME   of the build, such as 90a; default: the GPU's own
//   --sanitizer-minutes N  for compute-sanitizer: what no time is left for is left out, and the file says so; default 3
//   --out FILE            where to write; default as above
// UNSUPERPOSE_CUDA_BINARY names a module to take as it is: `build` then makes the programs only. With build skipped, all of build/ is.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildFolder, provideTools, root } from './tools.mjs';

const STAGES = ['build', 'programs', 'api', 'sanitizer', 'bench', 'kernels', 'torch'];
/** racecheck takes longest, and may be what no time is left for. */
const TOOLS = ['memcheck', 'synccheck', 'initcheck', 'racecheck'];
/** Tests of ordinary calls that run once more with the GPU as the default. */
const BY_DEFAULT = [
  'test/features/pairs.test.ts',
  'test/features/circuits.test.ts',
  'test/features/geometry.test.ts',
  'test/solvers/convex.test.ts',
  'test/solvers/omp.test.ts',
  'test/solvers/path.test.ts',
  'test/solvers/penalties.test.ts',
  'test/solvers/properties.test.ts',
];
/** For one program under compute-sanitizer. */
const MOST_MINUTES = 0.75;
/** compute-sanitizer's exit status where it has found something. */
const FOUND = 86;
/** timeout's, where time ran out. */
const LATE = 124;
const MINUTE = 60_000;

const { values: options } = parseArgs({
  options: {
    ...{ skip: { type: 'string', default: '' }, only: { type: 'string', default: '' } },
    ...{ architecture: { type: 'string' }, out: { type: 'string' } },
    'sanitizer-minutes': { type: 'string', default: '3' },
  },
});
const sanitizerMinutes = Number(options['sanitizer-minutes']);
if (!(sanitizerMinutes > 0)) end('--sanitizer-minutes takes a number above 0');
const list = (text) => text.split(',').filter(Boolean);
const [skipped, only] = [list(options.skip), list(options.only)];
for (const name of [...skipped, ...only])
  if (!STAGES.includes(name)) end(`${name} is no stage; there are: ${STAGES.join(', ')}`);

/** @returns {never} */
function end(message) {
  console.error(`gpu-check: ${message}`);
  process.exit(2);
}

/** Runs a command; answers its status and, unless it is shown, what it said. */
function run(command, args, { env = {}, show = true, minutes = 30 } = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    ...{ cwd: root, env: { ...process.env, ...env }, timeout: minutes * MINUTE, encoding: 'utf8' },
    ...{ stdio: show ? 'inherit' : 'pipe', maxBuffer: 2 ** 28 },
  });
  return { status: error ? -1 : status, out: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` };
}
const found = (command) => run(command, ['--version'], { show: false }).status === 0;
/** What a program said, as far as one wants to read it. */
const tail = (text) => text.trim().split('\n').slice(-15).join('\n');

/** The first GPU, as its driver has it. */
function findGpu() {
  const { status, out } = run(
    'nvidia-smi',
    ['--query-gpu=name,driver_version,compute_cap,memory.total', '--format=csv,noheader,nounits'],
    { show: false },
  );
  const [name, driver, capability, memory] = out.split('\n')[0]?.split(', ') ?? [];
  return status === 0 && memory ? { name, driver, capability, memoryMiB: Number(memory) } : undefined;
}

const gpu = findGpu();
if (gpu === undefined) end('nvidia-smi shows no NVIDIA GPU here: nothing of this can be checked');
console.log(`gpu-check: ${gpu.name}, compute capability ${gpu.capability}, driver ${gpu.driver}`);
if (Number(gpu.capability) < 8) end('the kernels are for GPUs of compute capability 8.0 and newer');
/** 9.0 has instructions that only code for 9.0 alone may use. */
const architecture = options.architecture ?? gpu.capability.replace('.', '').replace(/^90$/, '90a');

const out = buildFolder('');
const folder = join(out, 'cuda');
const module = process.env.UNSUPERPOSE_CUDA_BINARY ?? join(out, 'Release', 'unsuperpose_cuda.node');
const results = [];

/** `work` answers what it found, with `failed` where it is not as it should be, or { skipped: why }. */
function stage(name, work) {
  const left = skipped.includes(name) || (only.length > 0 && !only.includes(name));
  console.log(`\n== ${name}`);
  const from = performance.now();
  const result = left ? { skipped: 'not asked for' } : work();
  if (result.skipped) console.log(`SKIPPED: ${result.skipped}`);
  if (result.failed) console.log(`FAILED: ${result.failed}`);
  results.push({ name, seconds: Math.round((performance.now() - from) / 1000), ...result });
}

/** The programs that `build` has made. */
const programs = () =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^gpu_\w+$/.test(name))
        .sort()
    : [];

/** How dist/ was made; by npm, which some machines with GPUs lack: a dist/ that came along will do there. Undefined where there is none. */
function compileLib() {
  const { npm_execpath: npm } = process.env;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { status } = run(command, [...args, 'run', '--silent', 'build:ts']);
  if (status !== -1) return status === 0 ? 'compiled' : undefined;
  const dist = join(root, 'dist', 'index.js');
  const there = existsSync(dist);
  console.log(there ? 'npm does not run here: dist/ is taken as it is' : 'npm does not run here');
  return there ? `taken as it was, of ${statSync(dist).mtime.toISOString()}: npm does not run` : undefined;
}

stage('build', () => {
  const node = (script, ...args) => run(process.execPath, [join(root, 'scripts', script), ...args]).status;
  if (!existsSync(join(out, 'Release', 'unsuperpose.node')) && node('build.mjs') !== 0)
    return { failed: 'the CPU module was not built' };
  const given = process.env.UNSUPERPOSE_CUDA_BINARY !== undefined;
  if (!given && node('build-cuda.mjs', '--architectures', architecture, '--strict') !== 0)
    return { failed: 'the CUDA module was not built, or its kernels spill registers' };
  const { cmake } = provideTools();
  const parallel = ['--parallel', String(availableParallelism())];
  const targets = ['gpu_checks', 'gpu_bench'];
  if (run(cmake, ['--build', out, '--target', ...targets, ...parallel]).status !== 0)
    return { failed: 'the programs of test/cuda/ and bench/*.cu were not built' };
  const dist = compileLib();
  if (dist === undefined) return { failed: 'lib/ was not compiled' };
  if (given) return { dist };
  return { dist, kernels: JSON.parse(readFileSync(join(folder, 'kernels.json'), 'utf8')) };
});

stage('programs', () => {
  if (programs().length === 0) return { skipped: 'no program of test/cuda/ has been built' };
  const ran = programs().map((name) => {
    const { status, out: said } = run(join(folder, name), [], { show: false });
    console.log(`${name}: ${status === 0 ? 'ok' : `status ${status}`}\n${tail(said)}`);
    return { name, status, said: tail(said) };
  });
  const wrong = ran.filter(({ status }) => status !== 0).map(({ name }) => name);
  return { programs: ran, ...(wrong.length > 0 && { failed: wrong.join(', ') }) };
});

stage('api', () => {
  if (!existsSync(module)) return { skipped: `${module} is not there` };
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  if (!existsSync(vitest)) return { skipped: 'vitest is not installed (npm ci)' };
  const env = { UNSUPERPOSE_CUDA_BINARY: module };
  const test = (files, more) =>
    run(process.execPath, [vitest, 'run', ...files], { env: { ...env, ...more } }).status;
  const own = test(['test/api/cuda-', 'test/packaging/symbols.test.ts'], {});
  const files = BY_DEFAULT.filter((file) => existsSync(join(root, file)));
  const byDefault = test(files, { UNSUPERPOSE_DEVICE: 'cuda' });
  const wrong = [
    own !== 0 && 'the tests of the device',
    byDefault !== 0 && 'tests with the GPU as the default',
  ];
  const failed = wrong.filter(Boolean).join(', ');
  return { files, ...(failed && { failed }) };
});

/** What one tool says of a program, for as long as there is time. */
function checked(command, tool, program, from) {
  const left = sanitizerMinutes - (performance.now() - from) / MINUTE;
  const minutes = Math.min(MOST_MINUTES, left);
  // `timeout` ends the program too, which else would go on on the GPU.
  const ends = ['--kill-after=5', (60 * minutes).toFixed(1), command];
  const args = ['--tool', tool, '--error-exitcode', String(FOUND), join(folder, program)];
  const { status, out: said } =
    minutes > 0 ? run('timeout', [...ends, ...args], { show: false }) : { status: LATE, out: '' };
  if (status === LATE) {
    const skipped = minutes > 0 ? `stopped after ${(60 * minutes).toFixed(0)} s` : 'no time was left';
    console.log(`${tool} ${program}: ${skipped}`);
    return { tool, program, skipped };
  }
  const summary = said.match(/ERROR SUMMARY: .*|RACECHECK SUMMARY: .*/g)?.at(-1) ?? tail(said);
  console.log(`${tool} ${program}: ${status === 0 ? 'ok' : `status ${status}`}; ${summary}`);
  return { tool, program, status, summary };
}

stage('sanitizer', () => {
  const name = ['compute-sanitizer', '/usr/local/cuda/bin/compute-sanitizer'].find(found);
  if (name === undefined)
    return { skipped: 'there is no compute-sanitizer on the PATH or in /usr/local/cuda/bin' };
  if (programs().length === 0) return { skipped: 'no program of test/cuda/ has been built' };
  const from = performance.now();
  const ran = TOOLS.flatMap((tool) => programs().map((program) => checked(name, tool, program, from)));
  const left = ran.filter((one) => one.skipped).map(({ tool, program }) => `${tool} ${program}`);
  const wrong = ran.filter((one) => !one.skipped && one.status !== 0);
  const failed = wrong.map(({ tool, program }) => `${tool} ${program}`).join(', ');
  return { ran, ...(left.length > 0 && { left }), ...(failed && { failed }) };
});

const lastLine = (said) => JSON.parse(said.trim().split('\n').at(-1));
/** Runs what writes JSON; `read` takes it from what was said: the last line is one value, unless said otherwise. */
function timed(command, args, env, read = lastLine) {
  const { status, out: said } = run(command, args, { env, show: false });
  console.log(tail(said));
  if (status !== 0) return { failed: `status ${status}: ${tail(said)}` };
  try {
    return { rows: read(said) };
  } catch {
    return { failed: `what it said is not the JSON that it should be: ${tail(said)}` };
  }
}

stage('bench', () => {
  const bench = join(root, 'bench', 'cuda.ts');
  const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  if (!existsSync(bench)) return { skipped: 'there is no bench/cuda.ts' };
  if (!existsSync(tsx)) return { skipped: 'tsx is not installed (npm ci)' };
  if (!existsSync(module)) return { skipped: `${module} is not there` };
  return timed(process.execPath, [tsx, bench, '--json'], { UNSUPERPOSE_CUDA_BINARY: module });
});

/** What a program prints, a line of JSON a measurement. */
const lines = (said) =>
  said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

stage('kernels', () => {
  const rows = [];
  for (const bench of ['bench_cuda_kernels', 'bench_cuda_train']) {
    const program = join(folder, bench);
    if (!existsSync(program)) return { rows, skipped: `${relative(root, program)} has not been built` };
    const { rows: own, failed } = timed(program, [], {}, lines);
    if (failed) return { rows, failed: `${bench}: ${failed}` };
    rows.push(...own);
  }
  return { rows };
});

stage('torch', () => {
  const has = 'import torch, sys; sys.exit(0 if torch.cuda.is_available() else 3)';
  const { status } = run('python3', ['-c', has], { show: false });
  if (status !== 0) return { skipped: status === 3 ? 'PyTorch sees no GPU' : 'python3 has no PyTorch' };
  return timed('python3', [join(root, 'bench', 'peers', 'cuda_torch.py')], {});
});

const slug = gpu.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
const date = new Date().toISOString().slice(0, 10);
const file = options.out ?? join(root, 'bench', 'results', `${date}-${slug}.json`);
const commit = run('git', ['rev-parse', '--short=12', 'HEAD'], { show: false });
mkdirSync(dirname(file), { recursive: true });
const report = {
  ...{ date, commit: commit.status === 0 ? commit.out.trim() : 'unknown', gpu, architecture },
  stages: results,
};
writeFileSync(file, `${JSON.stringify(report, undefined, 1)}\n`);

console.log(`\n${relative(process.cwd(), file)} has all of it`);
for (const { name, failed, skipped: why } of results)
  console.log(
    `  ${name.padEnd(10)} ${failed ? `FAILED: ${failed.split('\n')[0]}` : why ? `skipped: ${why}` : 'ok'}`,
  );
if (results.some(({ failed }) => failed)) process.exitCode = 1;
