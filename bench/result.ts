// The shape of a result file, bench/results/<date>-<machine>.json.
import type { Machine, Source } from './machine.js';
import type { OpenBlas } from './peer-process.js';
import type { ListaResult } from './result-lista.js';
import type { FeaturesRecovered } from './result-recovery.js';
import type { Summary } from './statistics.js';

export interface Accuracy {
  /** largest relative duality gap over the samples, judged in float64 by the peer process (convex methods) */
  readonly maxGap?: number;
  /** largest excess of the objective over the best of all rows, relative to ½‖x‖² */
  readonly maxExcess?: number;
  /** mean of ‖x − aD‖/‖x‖ */
  readonly residual?: number;
  /** mean active atoms a sample */
  readonly nonzeros?: number;
  /** of the first samples, the fraction whose support is that of OMP in float64 (signed pursuits) */
  readonly sameSupport?: number;
  /** samples whose top k is not that of float64 (top-k rows) */
  readonly differs?: number;
}

export interface Row {
  readonly name: string;
  readonly by: 'unsuperpose' | 'peer';
  readonly threads: number;
  /** samples timed; fewer than the workload's where a method is slow: its times are scaled up */
  readonly samples: number;
  /** seconds for all samples of the workload (scaled where samples < all) */
  readonly seconds: Summary;
  /** median seconds / median seconds of one sgemm of the same run */
  readonly sgemms?: number;
  /** fastest run / fastest sgemm: what the machine does when nothing else disturbs it */
  readonly sgemmsFastest?: number;
  /** the same over the sgemm that the environment's OPENBLAS_… settings give, where there are such settings */
  readonly sgemmsAsConfigured?: number;
  readonly setupSeconds?: number;
  readonly accuracy?: Accuracy;
  /** mean iterations a sample; lasso: working-set solves, one less than scoring passes */
  readonly iterations?: number;
  /** how the peer was used */
  readonly variant?: string;
  /** the level forced on this row, which ran in a process of its own beside an sgemm of its own */
  readonly isa?: string;
  /** its median over that of the lasso, one thread (rows that have a target of that kind) */
  readonly lassos?: number;
  readonly target?: {
    /** sgemms */
    readonly most?: number;
    /** of sgemm's */
    readonly leastSpeed?: number;
    readonly mostLassos?: number;
  };
}

export interface WorkloadResult {
  readonly name: string;
  readonly dims: number;
  readonly features: number;
  readonly active: number;
  readonly samples: number;
  readonly lambda: number;
  readonly sgemm?: Summary;
  readonly sgemmAsConfigured?: Summary;
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
  /** where the numbers come from, when not from the generator */
  readonly origin?: string;
  /** where the lasso's time goes, one run on one thread, in seconds; absent in builds that cannot tell */
  readonly stages?: Stages;
  /** of a workload that had a process of its own */
  readonly memory?: Memory;
}

export const stageNames = ['score', 'rescore', 'gram', 'solve', 'residual', 'certify'] as const;
export type Stages = Readonly<Record<(typeof stageNames)[number], number>>;

export interface Memory {
  /** peak resident set of the process, which also holds the atoms once as a JavaScript array */
  readonly peakBytes: number;
  readonly dictionaryBytes: number;
  /** atoms and samples as JavaScript arrays */
  readonly inputBytes: number;
}

/** Time against features, all else equal. */
export interface FeaturesSweep {
  readonly dims: number;
  readonly active: number;
  readonly samples: number;
  /** of the power of features that fits the time best (least squares of the logarithms of the medians) */
  readonly exponents: Readonly<Record<string, number>>;
  /** the same of the fastest runs */
  readonly exponentsFastest: Readonly<Record<string, number>>;
  /** most that the lasso's may be */
  readonly target: number;
  readonly points: readonly {
    readonly features: number;
    /** median seconds a sample */
    readonly seconds: Readonly<Record<string, number>>;
    /** of the fastest run */
    readonly fastest: Readonly<Record<string, number>>;
    readonly maxGap?: number;
    readonly memory: Memory;
  }[];
  readonly failures: readonly string[];
}

/** Time against the gap asked for. */
export interface AccuracySweep {
  readonly workload: string;
  /** asked for; a method has no point where it did not get there */
  readonly tolerances: readonly number[];
  readonly points: readonly {
    readonly method: string;
    readonly by: Row['by'];
    readonly tolerance: number;
    readonly maxGap?: number;
    /** median seconds a sample */
    readonly seconds: number;
    readonly sgemms?: number;
  }[];
  readonly failures: readonly string[];
}

export interface SmallCall {
  readonly name: string;
  readonly callsPerSecond: number;
  readonly microseconds: number;
  /** relative margin of error of the mean, percent (benchmark.js) */
  readonly marginPercent: number;
  readonly runs: number;
}

export interface LearningResult {
  readonly by: string;
  readonly dims: number;
  readonly features: number;
  readonly batch: number;
  readonly steps: number;
  readonly threads: number;
  /** mean ½‖x − aD‖² + λ‖a‖₁ of the samples over the dictionary learned, solved by the library for all */
  readonly objective: number;
  readonly secondsPerBatch: Summary;
}

/** One seed's planted atoms, found by the shortest run that finds them; `reached` is false where none of the runs did. */
export interface RecoveryRun {
  readonly seed: number;
  readonly steps: number;
  readonly reached: boolean;
  readonly seconds: number;
  /** the same in products of one batch with the atoms */
  readonly products: number;
  /** mean over the planted atoms of the largest |cosine| with a learned one */
  readonly meanCosine: number;
  /** share of the planted atoms that have a learned one of the cosine wanted */
  readonly found: number;
  /** seconds of all steps, by what they went to */
  readonly stages: LearningStages;
}

/** One method of dictionary learning, with codes of one solver. */
export interface MethodRow {
  readonly method: string;
  readonly solver: string;
  readonly runs: readonly {
    readonly seed: number;
    /** in all the time there was */
    readonly steps: number;
    /** share of the planted atoms that have a learned one above the cosine, after each of the times */
    readonly found: readonly number[];
  }[];
}

export interface MethodsResult {
  readonly dims: number;
  readonly features: number;
  readonly active: number;
  readonly samples: number;
  readonly batch: number;
  readonly cosine: number;
  readonly seconds: readonly number[];
  readonly rows: readonly MethodRow[];
}

export const learningStageNames = ['packing', 'codes', 'statistics', 'update'] as const;
export type LearningStages = Readonly<Record<(typeof learningStageNames)[number], number>>;

export interface RecoveryResult {
  readonly dims: number;
  readonly features: number;
  readonly active: number;
  readonly samples: number;
  readonly batch: number;
  readonly lambda: number;
  readonly wanted: { readonly meanCosine: number; readonly found: number; readonly cosine: number };
  readonly runs: readonly RecoveryRun[];
  /** over the seeds */
  readonly products: Summary;
}

/** All pairs of two dictionaries of `features` each. */
export interface PairsResult {
  readonly features: number;
  readonly dims: number;
  /** rows that sgemm multiplied, its time scaled to all */
  readonly slice: number;
  /** pairs in the list above an epsilon */
  readonly listed: number;
  /** the float32 product of all pairs, by sgemm */
  readonly product?: Summary;
  readonly rows: readonly {
    readonly name: string;
    readonly threads: number;
    readonly seconds: Summary;
    /** median / median of the product */
    readonly products?: number;
    /** most products */
    readonly target?: number;
  }[];
}

/** Training the toy models of the paper's geometry set-up. */
export interface ToyResult {
  readonly models: number;
  readonly features: number;
  readonly dims: number;
  readonly steps: number;
  readonly threads: number;
  readonly seconds: number;
  /** multiply-adds that it takes at least */
  readonly operations: number;
  /** multiply-adds a second of our dense product, on the same threads in the same run */
  readonly rate: number;
  /** operations / rate, seconds */
  readonly floor: number;
  /** one a model: the share of its features whose dimensionality is within 0.03 of a plateau */
  readonly plateaus: readonly { readonly density: number; readonly onPlateau: number }[];
}

/** Calls of one method on one dictionary, each with samples of its own. */
export interface BatchesResult {
  readonly workload: string;
  readonly dims: number;
  readonly features: number;
  readonly active: number;
  readonly method: string;
  /** a call */
  readonly samples: number;
  /** `Dictionary.from` */
  readonly setUpMilliseconds: number;
  readonly callMilliseconds: readonly number[];
  /** One large call after that, the fastest of three. */
  readonly largeSamples: number;
  readonly largeMilliseconds: number;
}

/** What a dictionary costs before it answers, on one thread. */
export interface SetUpResult {
  readonly workload: string;
  readonly dims: number;
  readonly features: number;
  readonly active: number;
  /** of our float32 product, of so many samples with all atoms */
  readonly productSamples: number;
  readonly productMilliseconds: number;
  /** `Dictionary.from` */
  readonly fromMilliseconds: number;
  /** the copy in each precision of this level */
  readonly packing: readonly {
    readonly precision: string;
    readonly milliseconds: number;
    readonly bytes: number;
  }[];
  /** in bytes, all rows */
  readonly gram: { readonly milliseconds: number; readonly bytes: number };
  /** one entry a call, each of other samples, on a dictionary that has no Gram rows at first */
  readonly omp: {
    readonly samplesACall: number;
    readonly withoutMilliseconds: readonly number[];
    readonly withMilliseconds: readonly number[];
    /** a call where all rows are there before it; median */
    readonly afterwardsMilliseconds: number;
    /** calls after which the Gram has cost less than it saved; absent if never */
    readonly breakEvenCalls?: number;
  };
}

/** Of training a sparse autoencoder, and of its samples. */
export interface TrainingShape {
  readonly batch: number;
  readonly dims: number;
  readonly features: number;
  /** features that each sample is made of; k, where there is one */
  readonly active: number;
}

export interface TrainingRow {
  readonly name: string;
  readonly by: 'unsuperpose' | 'peer';
  /** of one step, or of encoding one batch; each of several steps in a row */
  readonly seconds: Summary;
  /** of X·Wᵀ, one before each of these */
  readonly sgemm?: Summary;
  /** median / median */
  readonly sgemms?: number;
  /** active features a sample, in the steps timed; absent where the time does not depend on them */
  readonly l0?: number;
  readonly explainedVariance?: number;
  readonly dead?: number;
  /** most sgemms */
  readonly target?: number;
  readonly variant?: string;
}

export interface TrainingResult extends TrainingShape {
  /** of a topk step */
  readonly floor: {
    readonly selectMultiplyAdds: number;
    readonly entryMultiplyAdds: number;
    readonly adamBytes: number;
    readonly packingBytes: number;
  };
  readonly rows: readonly TrainingRow[];
}

export interface Result {
  readonly date: string;
  readonly quick: boolean;
  readonly tolerance: number;
  readonly repeats: number;
  readonly machine: Machine;
  readonly source: Source;
  readonly peers: {
    readonly versions: Readonly<Record<string, string>>;
    readonly openblas: OpenBlas | null;
    /** OPENBLAS_… settings found in the environment and set aside for the unit and the peers */
    readonly environment: Readonly<Record<string, string>>;
    readonly openblasAsConfigured?: OpenBlas | null;
    readonly skipped: readonly string[];
  };
  readonly workloads: readonly WorkloadResult[];
  readonly sweeps?: { readonly features?: FeaturesSweep; readonly accuracy?: AccuracySweep };
  /** absent in older files */
  readonly pairs?: PairsResult;
  readonly toy?: ToyResult;
  readonly batches?: readonly BatchesResult[];
  readonly setUp?: readonly SetUpResult[];
  readonly learning: readonly LearningResult[];
  /** planted atoms, of dictionary learning alone */
  readonly recovery?: RecoveryResult;
  /** the same, method by method in equal time */
  readonly methods?: MethodsResult;
  readonly training?: readonly TrainingResult[];
  /** the part `recovery` */
  readonly featuresRecovered?: FeaturesRecovered;
  readonly lista?: ListaResult;
  readonly small: readonly SmallCall[];
}

/** An absolute path, from its first slash to the last. */
const absolutePath = /(?<![\w.)\]])(?:file:\/\/)?\/(?:[^\s/'":,()]+\/)+/g;

/** The result as JSON, fit to be published: no paths of this machine, which messages of peers may hold. */
export function toJson(result: Result): string {
  const publishable = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replace(absolutePath, '…/') : value;
  return `${JSON.stringify(result, publishable, 1)}\n`;
}
