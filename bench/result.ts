// The shape of a result file, bench/results/<date>-<machine>.json.
import type { Machine, Source } from './machine.js';
import type { OpenBlas } from './peer-process.js';
import type { Summary } from './statistics.js';

export interface Accuracy {
  /** largest relative duality gap over the samples, judged in float64 by the peer process (convex methods) */
  readonly maxGap?: number;
  /** largest excess of the objective over the best of all rows, relative to ½‖x‖² */
  readonly maxExcess?: number;
  /** mean of ‖x − aD‖/‖x‖ */
  readonly residual: number;
  /** mean active atoms a sample */
  readonly nonzeros: number;
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
  readonly target?: { readonly most?: number; readonly leastSpeed?: number };
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
  readonly learning: readonly LearningResult[];
  readonly small: readonly SmallCall[];
}
