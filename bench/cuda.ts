// Times what runs on an NVIDIA GPU, call by call as a user makes it: data in JavaScript memory on both sides, the copies counted. Beside it the same
// call on the CPU, with fewer samples (or features) where all of them would take minutes.
//   npx tsx bench/cuda.ts            a table, and one line of JSON at the end with --json (scripts/gpu-check.mjs reads it)
//   npx tsx bench/cuda.ts --help     sizes and choices
// bench/cuda_kernels.cu times the kernels alone, bench/peers/cuda_torch.py PyTorch.
import { totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type CudaDevice,
  claims,
  type Device,
  Dictionary,
  info,
  lambdaMax,
  type Matrix,
  ops,
  unfold,
} from '../lib/index.js';
import {
  certificates,
  encoding,
  firstRows,
  PATH_STEPS,
  path,
  pursuit,
  trainingSteps,
  ways,
} from './cuda-calls.js';
import { fastMixtures, fastUnitRows } from './cuda-data.js';
import { layers, learningBytes, steps } from './cuda-learning.js';
import { describeMachine, describeSource } from './machine.js';
import { median, quartiles } from './statistics.js';

const HELP = `Times calls on an NVIDIA GPU, beside this machine's CPU.
  --json             one JSON value as the last line
  --only LIST        of lasso, topk, omp, path, encode, certify, fold, train, learn, lista, pairs; omp to train with features up to 65536
  --device NAME      cuda (default), or cuda:1 and so on
  --features LIST    of all but pairs; default 16384,65536,262144
  --dims N           default 1024
  --batch N          samples a call; default 4096
  --pairs N          features on each side; default 65536, of --pair-dims (512) each
  --repeats N        calls that are timed; default 9, and 3 on the CPU
  --cpu-work N       no CPU call of more than 2^N multiply-adds a scoring pass; default 36, 0 leaves the CPU out
  --seconds N        what would begin later is left out; default 140
  --emulated         also times the emulation of test/cuda, which tries this program and measures nothing`;

/** Atoms mixed into a sample; λ as a share of the mean of what zeroes the codes; both as in workloads.ts. */
const ACTIVE = 32;
const LAMBDA = 0.1;
/** Samples that λ is taken from. */
const LAMBDA_SAMPLES = 64;
/** relative duality gap */
const TOLERANCE = 1e-4;
const TOP = 64;
/** Of the largest pair: an epsilon whose list is short. */
const EPSILON_SHARE = 0.9;
const CPU_REPEATS = 3;
/** No further repeat after so many seconds of one call. */
const MOST_SECONDS = 6;
/** Beyond these features the calls of cuda-calls.ts are not timed, and beyond the others learning is not timed on the CPU, where a step takes half a minute. */
const MOST_FEATURES = 65536;
const CPU_LEARNS = 16384;
/** The CPU's share of rows in calls that take many passes over the dictionary, of what it is given. */
const MANY_PASSES = 4;
/** Steps of training in a call: the first copies what the others find there. */
const GPU_STEPS = 8;
/** Bytes on the device for an entry of the dictionary: float32, int8, two parts in float16, and some for lists. Beside them, what a batch takes. */
const DEVICE_BYTES = 10;
const BATCH_BYTES = 2 ** 31;
/** In JavaScript and in the dictionary, and its packed copies for the CPU. */
const HOST_BYTES = 20;

/** Layers of a network. */
const DEPTH = 8;

const OF_DICTIONARY = ['lasso', 'topk', 'omp', 'path', 'encode', 'certify', 'fold'] as const;
const TASKS = [...OF_DICTIONARY, 'train', 'learn', 'lista', 'pairs'] as const;
type Task = (typeof TASKS)[number];

/** Seconds. */
interface Timing {
  /** of the first call, which copies and rounds what stays on the device */
  readonly first: number;
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly raw: readonly number[];
}

interface Row {
  readonly task: string;
  readonly device: string;
  readonly features: number;
  readonly dims: number;
  /** rows scored: samples, or the features of the other side */
  readonly rows: number;
  readonly seconds: Timing;
  /** multiply-adds of one dense product of these sizes */
  readonly work: number;
  readonly answer?: Readonly<Record<string, number>>;
}
interface Skipped {
  readonly task: string;
  readonly features: number;
  readonly skipped: string;
}

const { values: given } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: TASKS.join(',') },
    device: { type: 'string', default: 'cuda' },
    features: { type: 'string', default: '16384,65536,262144' },
    dims: { type: 'string', default: '1024' },
    batch: { type: 'string', default: '4096' },
    pairs: { type: 'string', default: '65536' },
    'pair-dims': { type: 'string', default: '512' },
    repeats: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '140' },
    'cpu-work': { type: 'string', default: '36' },
    emulated: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function end(message: string): never {
  console.error(`bench/cuda: ${message}`);
  process.exit(2);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) end(`--${name} takes whole numbers, got ${text}`);
  return value;
}

/** The GPU that is asked for; ends the program in one line where there is none. */
function findDevice(name: string): CudaDevice & { readonly free: number } {
  const index = name === 'cuda' ? 0 : Number(/^cuda:(\d+)$/.exec(name)?.[1] ?? Number.NaN);
  if (Number.isNaN(index)) end(`--device is cuda or cuda:N, got ${name}`);
  const { cuda } = info();
  if (cuda === null) end('no CUDA module is installed: npm run build:cuda compiles one');
  const device = cuda.devices[index];
  if (device === undefined) end(cuda.reason ?? `there is no device ${name}`);
  if (device.reason !== undefined) end(device.reason);
  if (device.emulated && !given.emulated)
    end(`${device.name} is the emulation: it measures nothing (--emulated tries this program on it)`);
  // What is free is known of a device that has been used.
  ops.maximum(fastUnitRows(1, 1, 0), fastUnitRows(1, 1, 0), { device: `cuda:${index}` });
  return { ...device, free: info().cuda?.devices[index]?.free ?? 0 };
}

/** `parts`: what a call makes so many of, and is timed for each. */
async function time(repeats: number, parts: number, call: () => unknown): Promise<Timing> {
  const from = performance.now();
  const once = async (): Promise<number> => {
    const began = performance.now();
    await call();
    return (performance.now() - began) / 1000 / parts;
  };
  const first = await once();
  const raw: number[] = [];
  for (let i = 0; i < repeats; i++) {
    raw.push(await once());
    if (performance.now() - from > 1000 * MOST_SECONDS) break;
  }
  return { first, median: median(raw), quartiles: quartiles(raw), raw };
}

if (given.help) {
  console.log(HELP);
  process.exit(0);
}
const only = given.only.split(',');
for (const name of only)
  if (!(TASKS as readonly string[]).includes(name)) end(`--only is of ${TASKS.join(', ')}; got ${name}`);
const dims = whole('dims', given.dims);
const batch = whole('batch', given.batch);
const repeats = Math.max(1, whole('repeats', given.repeats));
const cpuWork = whole('cpu-work', given['cpu-work']);
const seconds = whole('seconds', given.seconds);
const gpu = findDevice(given.device);
const device = `cuda:${gpu.index}` as const;

const started = performance.now();
const rows: (Row | Skipped)[] = [];
const asked = (task: Task): boolean => only.includes(task);

/** So many of `count` rows that a pass over `each` multiply-adds a row stays within what the CPU is given. */
const fewer = (count: number, each: number): number =>
  cpuWork === 0 ? 0 : Math.min(count, Math.max(1, Math.floor(2 ** cpuWork / each)));

/** Why a dictionary of so many features cannot be timed here, or undefined. */
function tooLarge(features: number): string | undefined {
  const entries = features * dims;
  if (DEVICE_BYTES * entries + BATCH_BYTES > gpu.free && !gpu.emulated)
    return 'the GPU has too little memory';
  return HOST_BYTES * entries > totalmem() ? 'this machine has too little memory' : undefined;
}

interface About {
  readonly task: string;
  readonly features: number;
  readonly dims: number;
  readonly rows: number;
  /** multiply-adds a row; default features · dims */
  readonly each?: number;
  /** of a call on the GPU, which is timed for each; one on the CPU has one */
  readonly parts?: number;
}

/** One task on the GPU and, for as many of the rows as it is given, on the CPU. */
async function compare(
  { each, parts, ...about }: About,
  cpuRows: number,
  call: (on: Device, count: number) => Promise<Record<string, number>>,
): Promise<void> {
  if (performance.now() - started > 1000 * seconds) {
    rows.push({ task: about.task, features: about.features, skipped: `later than ${seconds} s` });
    return;
  }
  const sides: [Device, number, number, number][] = [[device, about.rows, repeats, parts ?? 1]];
  if (cpuRows > 0) sides.push(['cpu', cpuRows, Math.min(repeats, CPU_REPEATS), 1]);
  for (const [on, count, times, made] of sides) {
    let answer: Record<string, number> = {};
    const taken = await time(times, made, async () => {
      answer = await call(on, count);
    });
    const work = count * (each ?? about.features * about.dims);
    rows.push({ ...about, device: on, rows: count, seconds: taken, work, answer });
  }
}

async function timeDictionary(features: number): Promise<void> {
  const reason = tooLarge(features);
  if (reason !== undefined) {
    for (const task of OF_DICTIONARY) if (asked(task)) rows.push({ task, features, skipped: reason });
    return;
  }
  const { atoms, samples } = fastMixtures({ features, dims, samples: batch, active: ACTIVE, seed: features });
  using dictionary = Dictionary.from(atoms);
  const size = { features, dims, rows: batch };
  const cpuRows = fewer(batch, features * dims);
  const largest = lambdaMax(firstRows(samples, Math.min(LAMBDA_SAMPLES, batch)), dictionary);
  const lambda = (LAMBDA * largest.reduce((sum, value) => sum + value, 0)) / largest.length;
  if (asked('lasso'))
    await compare({ task: 'lasso', ...size }, cpuRows, async (on, count) => {
      const { status, gap, codes } = await unfold(firstRows(samples, count), dictionary, {
        ...{ lambda, tolerance: TOLERANCE, device: on },
      });
      const converged = status.reduce((sum, value) => sum + (value === 0 ? 1 : 0), 0);
      return {
        lambda,
        converged,
        largestGap: gap.reduce((a, b) => Math.max(a, b)),
        active: codes.values.length / count,
      };
    });
  if (asked('topk'))
    await compare({ task: `topK, k = ${TOP}`, ...size }, cpuRows, async (on, count) => {
      const { values } = ops.topK(firstRows(samples, count), dictionary, Math.min(TOP, features), {
        absolute: true,
        device: on,
      });
      return { strongest: Math.abs(values[0] as number) };
    });
  if (features <= MOST_FEATURES) await timeCalls(features, { samples, atoms, dictionary, lambda });
}

/** What cuda-calls.ts has, but training. */
async function timeCalls(
  features: number,
  given: {
    samples: Matrix<Float32Array>;
    atoms: Matrix<Float32Array>;
    dictionary: Dictionary;
    lambda: number;
  },
): Promise<void> {
  const { samples, atoms, dictionary, lambda } = given;
  const size = { features, dims, rows: batch };
  const cpuRows = fewer(batch, MANY_PASSES * features * dims);
  const active = Math.min(ACTIVE, features, dims);
  if (asked('omp'))
    await compare(
      ...([{ task: `omp, ${active} atoms`, ...size }, cpuRows] as const),
      pursuit(samples, dictionary, active),
    );
  if (asked('path'))
    await compare(
      ...([{ task: `unfoldPath, ${PATH_STEPS} steps`, ...size }, cpuRows] as const),
      path(samples, dictionary),
    );
  if (asked('encode')) {
    for (const { name, call, end: free } of encoding(samples, atoms, Math.min(TOP, features))) {
      await compare({ task: `encode ${name}`, ...size }, fewer(batch, features * dims), call);
      free();
    }
  }
  if (asked('certify'))
    await compare(
      ...([{ task: 'certify', ...size }, cpuRows] as const),
      await certificates(samples, dictionary, { lambda, on: device }),
    );
  if (!asked('fold')) return;
  for (const { entries, call } of ways(dictionary, features, batch)) {
    const each = entries * dims;
    const about = { task: `fold, ${entries} codes a sample`, ...size, each };
    await compare(about, cpuWork === 0 ? 0 : batch, call);
  }
}

async function timeTraining(features: number): Promise<void> {
  // Parameters, gradients and Adam's moments, of encoder and decoder, in float32, and some of them twice.
  const bytes = 64 * features * dims + BATCH_BYTES;
  const [sparsity, task] = [Math.min(TOP, features), `train topk, k = ${TOP}, a step`];
  if (bytes > totalmem() || (bytes > gpu.free && !gpu.emulated)) {
    rows.push({ task, features, skipped: 'too large' });
    return;
  }
  const { call, end: free } = trainingSteps({ features, dims, batch }, sparsity, (on) =>
    on === 'cpu' ? 1 : GPU_STEPS,
  );
  // Adam's part of a step does not shrink with the batch: the CPU has all of it up to here.
  const cpuRows = fewer(batch, (features * dims) / MANY_PASSES);
  await compare({ task, features, dims, rows: batch, parts: GPU_STEPS }, cpuRows, call);
  free();
}

async function timePairs(features: number, pairDims: number): Promise<void> {
  const from = fastUnitRows(features, pairDims, 31);
  const to = fastUnitRows(features, pairDims, 32);
  using right = Dictionary.from(to);
  const cpuRows = fewer(features, features * pairDims);
  using all = Dictionary.from(from);
  using some = Dictionary.from(firstRows(from, Math.max(1, cpuRows)));
  const questions = {
    cpu: claims.virtualWeights(some, 'identity', right),
    cuda: claims.virtualWeights(all, 'identity', right),
  };
  const about = { features, dims: pairDims, rows: features };
  const questionOf = (on: Device): claims.VirtualWeights => questions[on === 'cpu' ? 'cpu' : 'cuda'];
  const { value } = await questions.cuda.maximum({ device });
  const epsilon = EPSILON_SHARE * Math.abs(value);
  await compare({ task: 'pairs: maximum', ...about }, cpuRows, async (on) => ({
    maximum: (await questionOf(on).maximum({ device: on })).value,
  }));
  await compare({ task: 'pairs: above', ...about }, cpuRows, async (on) => ({
    ...{ epsilon, pairs: (await questionOf(on).above(epsilon, { device: on })).value.length },
  }));
}

/** Steps of learning, or all layers of a network, from data of their own. */
async function timeLearning(task: 'learn' | 'lista', features: number): Promise<void> {
  const sizes = { features, dims, batch };
  const bytes = task === 'learn' ? learningBytes(sizes) : 2 * HOST_BYTES * features * dims;
  const reason = tooLarge(features) ?? (bytes > gpu.free || bytes > totalmem() ? 'too large' : undefined);
  if (reason !== undefined) {
    rows.push({ task, features, skipped: reason });
    return;
  }
  const { call, end: free } = task === 'learn' ? steps(sizes) : layers(sizes, DEPTH);
  const name = task === 'learn' ? 'learnDictionary, a step' : `lista, ${DEPTH} layers`;
  const byCpu = task !== 'learn' || features <= CPU_LEARNS;
  await compare({ task: name, features, dims, rows: batch }, byCpu ? fewer(batch, features * dims) : 0, call);
  if (!byCpu) rows.push({ task: name, features, skipped: 'on the CPU, where a step takes too long' });
  free();
}

function print(): void {
  console.log(
    'task | rows × features × dims | device | ms, median [quartiles] | first call | multiply-adds a ns',
  );
  for (const row of rows)
    if ('skipped' in row) console.log(`${row.task} | ${row.features} features | skipped: ${row.skipped}`);
    else {
      const { first, median: middle, quartiles: between } = row.seconds;
      const ms = (seconds: number): string => (1000 * seconds).toPrecision(4);
      const size = `${row.rows} × ${row.features} × ${row.dims}`;
      const speed = (row.work / middle / 1e9).toPrecision(3);
      console.log(
        `${row.task} | ${size} | ${row.device} | ${ms(middle)} [${between.map(ms).join(', ')}] | ${ms(first)} | ${speed}`,
      );
    }
}

const allFeatures = given.features.split(',').map((text) => whole('features', text));
if (OF_DICTIONARY.some(asked)) for (const features of allFeatures) await timeDictionary(features);
if (asked('train'))
  for (const features of allFeatures) if (features <= MOST_FEATURES) await timeTraining(features);
if (asked('pairs')) await timePairs(whole('pairs', given.pairs), whole('pair-dims', given['pair-dims']));
for (const task of ['lista', 'learn'] as const)
  if (asked(task)) for (const features of allFeatures) await timeLearning(task, features);
console.log(`${gpu.name}, compute capability ${gpu.computeCapability}; gap ${TOLERANCE}, ${repeats} calls`);
print();
if (given.json) {
  const { driver, runtime } = info().cuda ?? {};
  const about = { gpu, driver, runtime, machine: describeMachine(), source: describeSource() };
  const taken = Math.round((performance.now() - started) / 1000);
  console.log(JSON.stringify({ ...about, tolerance: TOLERANCE, seconds: taken, rows }));
}
