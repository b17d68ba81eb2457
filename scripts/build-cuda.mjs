// npm run build:cuda: compiles the module for NVIDIA GPUs into build/Release/unsuperpose_cuda.node, beside a build of the CPU's module
// (which is made first where there is none), and says what each kernel takes of a multiprocessor.
//   --architectures LIST   compute capabilities, such as 90a or "80;90a"; default: all that CMakeLists.txt has (in the build folder, then on)
//   --strict               fails where a kernel spills registers to memory
//   --folder NAME          builds in build/NAME instead, where no test and no user finds the module
// Names exactly what is missing; exits with 3 where this machine cannot compile CUDA at all. build.mjs runs it too, with --cuda or where UNSUPERPOSE_CUDA=1 is set.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildFolder, fail, provideTools, root } from './tools.mjs';

/** As in native/cuda/module.cmake. */
const OLDEST = [12, 8];
const WANTED = `CUDA ${OLDEST.join('.')} or newer (https://developer.nvidia.com/cuda-downloads)`;

const CANNOT = 3;

/** For what this machine lacks. @param {string} message @returns {never} */
function cannot(message) {
  console.error(`unsuperpose build: ${message}`);
  process.exit(CANNOT);
}

/** nvcc, where CMake's FindCUDAToolkit looks for it too. */
function findNvcc() {
  const { CUDAToolkit_ROOT, CUDA_PATH } = process.env;
  const folders = [CUDAToolkit_ROOT, CUDA_PATH].filter(Boolean).map((folder) => join(folder, 'bin'));
  const candidates = [...folders.map((folder) => join(folder, 'nvcc')), 'nvcc', '/usr/local/cuda/bin/nvcc'];
  for (const nvcc of candidates) {
    const { status, error, stdout } = spawnSync(nvcc, ['--version'], { encoding: 'utf8' });
    const version = /release (\d+)\.(\d+)/.exec(stdout ?? '');
    if (!error && status === 0 && version) return { nvcc, version: version.slice(1).map(Number) };
  }
  return cannot(
    `no nvcc is on the PATH, in CUDAToolkit_ROOT, CUDA_PATH or /usr/local/cuda/bin: install ${WANTED}. The CPU module needs none of it`,
  );
}

/** Says what nvcc lacks, before CMake says it at length: a compiler that it takes, and the runtime's library. */
function probe(nvcc) {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-nvcc-'));
  try {
    const source = join(folder, 'probe.cu');
    writeFileSync(source, '__global__ void probe() {}\nint main() { probe<<<1, 1>>>(); }\n');
    const compiler = process.env.CXX ? ['-ccbin', process.env.CXX] : [];
    const { status, stderr, stdout } = spawnSync(
      nvcc,
      [...compiler, '-std=c++20', '-arch=sm_80', '-cudart', 'static', source, '-o', join(folder, 'probe')],
      { encoding: 'utf8' },
    );
    if (status === 0) return;
    const said = `${stdout}${stderr}`.trim();
    if (/unsupported (GNU|clang) version/i.test(said))
      cannot(
        `this nvcc takes no compiler as new as this one: set CXX to an older one (say g++-12).\n${said}`,
      );
    if (/cudart_static/.test(said))
      cannot(`CUDA's libcudart_static.a is missing: install cuda-cudart-dev.\n${said}`);
    cannot(`nvcc cannot compile an empty kernel:\n${said}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) fail(`${command} did not run: ${error.message}`);
  if (status !== 0) fail('the CUDA module was not compiled (see above)');
}

/** What ptxas says of each kernel on each architecture. */
function resources(log, file) {
  const kernels = [];
  let at;
  for (const line of log.split('\n')) {
    const entry = /Compiling entry function '(\S+)' for '(\w+)'/.exec(line);
    if (entry) {
      at = { file, kernel: entry[1], architecture: entry[2], registers: 0, spills: 0, shared: 0 };
      kernels.push(at);
    }
    if (at === undefined) continue;
    const spills = /(\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (spills) at.spills = Number(spills[1]) + Number(spills[2]);
    const used = /Used (\d+) registers/.exec(line);
    if (used) at.registers = Number(used[1]);
    const shared = /(\d+) bytes smem/.exec(line);
    if (shared) at.shared = Number(shared[1]);
  }
  return kernels;
}

/** _ZN11unsuperpose…4nameE… as name. */
function plain(kernels) {
  const { status, stdout } = spawnSync('c++filt', {
    input: kernels.map(({ kernel }) => kernel).join('\n'),
    encoding: 'utf8',
  });
  if (status !== 0) return;
  stdout.split('\n').forEach((name, i) => {
    if (kernels[i])
      kernels[i].kernel = name
        .replaceAll('(anonymous namespace)::', '')
        .replace(/^void /, '')
        .replace(/\(.*$/, '');
  });
}

const { values: options } = parseArgs({
  options: {
    ...{ architectures: { type: 'string' }, strict: { type: 'boolean', default: false } },
    folder: { type: 'string', default: '' },
  },
});
if (process.platform !== 'linux') cannot(`the CUDA module is for Linux, this is ${process.platform}`);
const { nvcc, version } = findNvcc();
if (version[0] < OLDEST[0] || (version[0] === OLDEST[0] && version[1] < OLDEST[1]))
  cannot(`${nvcc} is of CUDA ${version.join('.')}: install ${WANTED}`);
probe(nvcc);

const own = options.folder ? ['--configure', '--folder', options.folder] : [];
const out = join(buildFolder(''), options.folder);
if (!existsSync(join(out, 'CMakeCache.txt')))
  run(process.execPath, [join(root, 'scripts', 'build.mjs'), ...own]);
const { cmake } = provideTools();
const chosen = options.architectures ? [`-DUNSUPERPOSE_CUDA_ARCHITECTURES=${options.architectures}`] : [];
run(cmake, ['-S', root, '-B', out, '--log-level=WARNING', ...chosen]);
run(cmake, ['--build', out, '--target', 'unsuperpose_cuda', '--parallel', String(availableParallelism())]);

// Logs of files that are gone may lie there too.
const sources = readdirSync(join(root, 'native', 'cuda')).filter((name) => name.endsWith('.cu'));
const kernels = sources.flatMap((file) =>
  resources(readFileSync(join(out, 'cuda', `${file}.log`), 'utf8'), file),
);
plain(kernels);
writeFileSync(join(out, 'cuda', 'kernels.json'), `${JSON.stringify(kernels, undefined, 1)}\n`);
const module = join(out, 'Release', 'unsuperpose_cuda.node');
console.log(`${module}: ${(statSync(module).size / 1e6).toFixed(2)} MB, CUDA ${version.join('.')}`);
const spilling = kernels.filter(({ spills }) => spills > 0);
console.log(
  `${kernels.length} kernels by architecture, ${spilling.length} of them spill registers; ${join(out, 'cuda', 'kernels.json')} lists them`,
);
for (const { kernel, architecture, registers, spills } of spilling)
  console.log(`  ${kernel} on ${architecture}: ${registers} registers, ${spills} bytes spilled`);
if (options.strict && spilling.length > 0) process.exit(1);
