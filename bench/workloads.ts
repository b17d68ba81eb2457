// What is solved: seeded sparse mixtures over Gaussian or clustered unit atoms. The library and its peers read the
// same float32 numbers. (R1, the word vectors, is in word-senses.ts.)
import { Dictionary, lambdaMax } from '../lib/index.js';
import { makeRandom, type Random } from '../test/reference/random.js';

export interface WorkloadSpec {
  readonly name: string;
  readonly dims: number;
  readonly features: number;
  /** atoms mixed into each sample */
  readonly active: number;
  readonly samples: number;
  /** clustered atoms: normalise(one of `centres` unit vectors + `spread` × unit noise) */
  readonly clusters?: { readonly centres: number; readonly spread: number };
  /** positive magnitudes, nonnegative codes */
  readonly nonnegative?: boolean;
  readonly seed: number;
  /** made and solved in a process of its own, whose memory is stated: too large to share one */
  readonly ownProcess?: boolean;
  /** where the numbers come from, when not from the generator below */
  readonly origin?: string;
  readonly targets?: Targets;
  /** also the greedy methods beside omp */
  readonly pursuits?: boolean;
}

/** At most so many sgemms, one thread, at the benchmark's tolerance, unless said otherwise. */
export interface Targets {
  readonly lasso?: number;
  /** the same with the instructions of AVX2 only */
  readonly lassoAvx2?: number;
  /** the lasso in float64: at most so many times the lasso in float32 */
  readonly float64?: number;
  readonly omp?: number;
  readonly topK?: number;
  /** at least this fraction of sgemm's speed for the stored product */
  readonly product?: number;
}

export interface Workload {
  readonly spec: WorkloadSpec;
  readonly atoms: Float32Array;
  readonly samples: Float32Array;
  /** λ = 0.1 × mean over samples of max|D·x| (nonnegative: of max D·x), but in R1 */
  readonly lambda: number;
}

const w2 = { dims: 512, features: 4096, active: 20, samples: 1000 } as const;
const w3 = { dims: 1024, features: 16384, active: 32, samples: 1000 } as const;

export const workloads: readonly WorkloadSpec[] = [
  {
    ...{ name: 'W1', dims: 256, features: 1024, active: 8, samples: 1000, seed: 1, pursuits: true },
    targets: { lasso: 2, lassoAvx2: 3, float64: 4, omp: 1.5 },
  },
  {
    ...{ name: 'W2', ...w2, seed: 2, pursuits: true },
    targets: { lasso: 1.2, lassoAvx2: 3, omp: 1, topK: 0.6, product: 0.9 },
  },
  {
    ...{ name: 'W2c', ...w2, clusters: { centres: 512, spread: 0.7 }, seed: 3, pursuits: true },
    targets: { lasso: 2, lassoAvx2: 3 },
  },
  { name: 'W2n', ...w2, nonnegative: true, seed: 4 },
  { name: 'W3', ...w3, seed: 5, targets: { lasso: 1, lassoAvx2: 3, omp: 1 } },
  { name: 'R2', dims: 2304, features: 65536, active: 64, samples: 64, seed: 6, ownProcess: true },
];

/** One size of the sweep over features: everything else stays as it is. */
export const featuresSweep = (features: number): WorkloadSpec => ({
  ...{ name: `features ${features}`, dims: w3.dims, features, active: w3.active, samples: 128, seed: 7 },
  ownProcess: true,
});

const noiseDecibels = 20;
const lambdaFraction = 0.1;

function normalise(data: Float32Array, first: number, dims: number): void {
  let energy = 0;
  for (let k = first; k < first + dims; k++) energy += (data[k] as number) ** 2;
  const scale = 1 / Math.sqrt(energy);
  for (let k = first; k < first + dims; k++) data[k] = (data[k] as number) * scale;
}

/** `rows` independent directions, uniform on the sphere. */
export function unitRows(random: Random, rows: number, dims: number): Float32Array {
  const data = new Float32Array(rows * dims);
  for (let i = 0; i < data.length; i++) data[i] = random.normal();
  for (let i = 0; i < rows; i++) normalise(data, i * dims, dims);
  return data;
}

function makeAtoms(random: Random, spec: WorkloadSpec): Float32Array {
  const atoms = unitRows(random, spec.features, spec.dims);
  if (!spec.clusters) return atoms;
  const { centres, spread } = spec.clusters;
  const middles = unitRows(random, centres, spec.dims);
  for (let j = 0; j < spec.features; j++) {
    const middle = random.below(centres) * spec.dims;
    for (let k = 0; k < spec.dims; k++) {
      const at = j * spec.dims + k;
      atoms[at] = (middles[middle + k] as number) + spread * (atoms[at] as number);
    }
    normalise(atoms, j * spec.dims, spec.dims);
  }
  return atoms;
}

function makeSamples(random: Random, spec: WorkloadSpec, atoms: Float32Array): Float32Array {
  const { dims } = spec;
  const samples = new Float32Array(spec.samples * dims);
  const noiseToSignal = 10 ** (-noiseDecibels / 20);
  for (let i = 0; i < spec.samples; i++) {
    const x = samples.subarray(i * dims, (i + 1) * dims);
    for (const j of random.choose(spec.active, spec.features)) {
      const value = (0.5 + random.uniform()) * (spec.nonnegative ? 1 : random.sign());
      for (let k = 0; k < dims; k++) x[k] = (x[k] as number) + value * (atoms[j * dims + k] as number);
    }
    const norm = Math.sqrt(x.reduce((energy, v) => energy + v * v, 0));
    const deviation = (noiseToSignal * norm) / Math.sqrt(dims);
    for (let k = 0; k < dims; k++) x[k] = (x[k] as number) + deviation * random.normal();
  }
  return samples;
}

/**
 * Makes a workload. `lambdaMax` gives each sample's smallest λ with the zero solution; it is passed in so that the
 * caller may use the library.
 */
export function makeWorkload(
  spec: WorkloadSpec,
  lambdaMax: (samples: Float32Array, atoms: Float32Array, spec: WorkloadSpec) => Float64Array,
): Workload {
  const random = makeRandom(spec.seed);
  const atoms = makeAtoms(random, spec);
  const samples = makeSamples(random, spec, atoms);
  const largest = lambdaMax(samples, atoms, spec);
  const lambda = (lambdaFraction * largest.reduce((sum, value) => sum + value, 0)) / largest.length;
  return { spec, atoms, samples, lambda };
}

/** The same, with the library's own λmax. */
export function makeSynthetic(spec: WorkloadSpec): Workload {
  return makeWorkload(spec, (samples, atoms, { dims, features, nonnegative = false }) => {
    using dictionary = Dictionary.from({ data: atoms, shape: [features, dims] });
    return lambdaMax({ data: samples, shape: [spec.samples, dims] }, dictionary, { nonnegative });
  });
}
