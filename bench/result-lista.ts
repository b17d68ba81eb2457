// The shape of what `--only lista` finds, in a result file.
import type { Summary } from './statistics.js';

/** What papers report, by layer. */
export interface Published {
  readonly byLayer?: Readonly<Record<number, number>>;
  /** where a range is all that there is, after the last layer: dB from … to (−Infinity is left out) */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface ListaRow {
  readonly name: string;
  /** dB; null: no noise */
  readonly snr: number | null;
  /** NMSE in dB, after each of the layers shown; one figure where `kind` is floor */
  readonly nmse: readonly number[];
  readonly kind?: 'floor';
  /** that it is of; 0: computed */
  readonly samples: number;
  readonly training?: {
    readonly seconds: number;
    readonly steps: number;
    readonly samples: number;
  };
  /** a sample, all layers, all threads */
  readonly microseconds?: number;
  /** by least squares, on the first samples; `accepted`: the share that the certificate allowed */
  readonly finished?: {
    readonly nmse: number;
    readonly accepted: number;
    readonly samples: number;
    /** a sample, one thread, in JavaScript */
    readonly microseconds: number;
  };
  readonly published?: Published | undefined;
  readonly notes?: string;
}

/** A training step beside the products that it must do. */
export interface ListaStepRow {
  readonly variant: string;
  readonly selection: boolean;
  /** X·Dᵀ of a batch, that the step must do at least */
  readonly products: number;
  readonly seconds: Summary;
  /** of one X·Dᵀ of the batch, one before each step */
  readonly sgemm: Summary;
  /** median step / (products × median sgemm) */
  readonly ratio: number;
}

export interface ListaSteps {
  readonly batch: number;
  readonly layers: number;
  readonly by: 'sgemm' | 'our float32 product';
  /** most of `ratio` */
  readonly target: number;
  readonly rows: readonly ListaStepRow[];
}

/** The lasso from what a network proposes, and from nothing. */
export interface ListaJoinRow {
  readonly workload: string;
  readonly start: string;
  readonly layers: number;
  /** of training the network */
  readonly trainingSeconds?: number;
  /** of proposing, all samples, one thread */
  readonly networkSeconds?: Summary;
  /** of the lasso, with the proposals or from nothing */
  readonly lassoSeconds: Summary;
  /** mean working-set solves a sample: one less than scoring passes */
  readonly iterations: number;
  /** mean relative gap of the proposal */
  readonly proposalGap?: number;
  readonly maxGap: number;
}

export interface ListaJoin {
  readonly skipped: readonly string[];
  readonly samples: number;
  readonly tolerance: number;
  readonly rows: readonly ListaJoinRow[];
}

export interface ListaResult {
  readonly dims: number;
  readonly features: number;
  readonly density: number;
  readonly layers: number;
  readonly shown: readonly number[];
  readonly rows: readonly ListaRow[];
  /** of all of it */
  readonly seconds: number;
  readonly steps?: ListaSteps;
  readonly join?: ListaJoin;
}
