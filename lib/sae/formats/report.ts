// What was found in a checkpoint, and what was decided of it.
import { count, digits, printsAs } from '../../call/inspect.js';
import type { SaeActivation } from '../parameters.js';
import type { AutoencoderFormat, Decision } from './draft.js';
import type { TensorInfo } from './tensors.js';

/** Figures of a probe batch. */
export interface ProbeFigures {
  /** Mean number of active features a sample. */
  readonly l0: number;
  /** 1 − Σ‖y − ŷ‖² / Σ‖y − mean‖²; NaN for a transcoder without targets. */
  readonly explainedVariance: number;
}

/** What a probe batch has shown. */
export interface ProbeReport extends ProbeFigures {
  readonly samples: number;
  /** Every way in which the files could have been read, the one that was taken first. Empty where there was nothing to decide. */
  readonly readings: readonly (ProbeFigures & { readonly decided: string })[];
}

/** What {@link AutoencoderReport} is made of. */
export interface AutoencoderReportData {
  readonly path: string;
  readonly format: AutoencoderFormat;
  /** Of the program that wrote it, if its files say so. */
  readonly version: string | undefined;
  /** As the format calls it. */
  readonly architecture: string;
  /** What it is here. */
  readonly activation: SaeActivation;
  readonly features: number;
  readonly dims: number;
  readonly outputDims: number;
  /** Are inputs and targets different things, by what the files say? */
  readonly transcoder: boolean;
  /** The types of number of the tensors: 'float32', or several. */
  readonly dtype: string;
  /** What was decided, and from what. */
  readonly decisions: readonly Decision[];
  readonly probe: ProbeReport | undefined;
  /** What looks wrong, in sentences. */
  readonly warnings: readonly string[];
  readonly tensors: readonly TensorInfo[];
  /** All that the configuration says, also what is unknown here. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The keys of `settings` that nothing was made of. */
  readonly unused: readonly string[];
}

/** A value of a configuration in few words. */
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

const figures = ({ l0, explainedVariance }: ProbeFigures): string =>
  `L0 ${digits(l0)}, explained variance ${Number.isNaN(explainedVariance) ? 'unknown (no targets)' : digits(explainedVariance)}`;

/**
 * What is known of a checkpoint: plain data, and as text (`String(report)`, `console.log(report)`). `SparseAutoencoder.inspect` gives it, and what
 * was loaded has it as `source`.
 */
export class AutoencoderReport implements AutoencoderReportData {
  declare readonly path: string;
  declare readonly format: AutoencoderFormat;
  declare readonly version: string | undefined;
  declare readonly architecture: string;
  declare readonly activation: SaeActivation;
  declare readonly features: number;
  declare readonly dims: number;
  declare readonly outputDims: number;
  declare readonly transcoder: boolean;
  declare readonly dtype: string;
  declare readonly decisions: readonly Decision[];
  declare readonly probe: ProbeReport | undefined;
  declare readonly warnings: readonly string[];
  declare readonly tensors: readonly TensorInfo[];
  declare readonly settings: Readonly<Record<string, unknown>>;
  declare readonly unused: readonly string[];

  /** @internal */
  constructor(data: AutoencoderReportData) {
    Object.assign(this, data);
  }

  toString(): string {
    const dims =
      this.dims === this.outputDims ? count(this.dims) : `${count(this.dims)} → ${count(this.outputDims)}`;
    const kind = this.transcoder ? 'transcoder' : 'autoencoder';
    const lines = [
      this.path,
      `  format        ${this.format}${this.version === undefined ? '' : `, version ${this.version}`}`,
      `  architecture  ${this.architecture}: ${kind} with activation ${this.activation}`,
      `  size          ${count(this.features)} features × ${dims} dims, ${this.dtype}`,
    ];
    const section = (title: string, entries: readonly string[]): void => {
      if (entries.length > 0) lines.push(`  ${title}`, ...entries.map((entry) => `    ${entry}`));
    };
    section(
      'decided',
      this.decisions.map(({ about, decided, from }) => `${about}: ${decided} (from ${from})`),
    );
    const { probe } = this;
    if (probe !== undefined) {
      lines.push(`  probe         ${count(probe.samples)} samples: ${figures(probe)}`);
      section(
        'readings',
        probe.readings.map((reading) => `${reading.decided}: ${figures(reading)}`),
      );
    }
    section('warnings', this.warnings);
    section(
      'tensors',
      this.tensors.map(({ name, shape, dtype }) => `${name} [${shape.join(', ')}] ${dtype}`),
    );
    section(
      'also said',
      this.unused.map((name) => `${name}: ${brief(this.settings[name])}`),
    );
    return lines.join('\n');
  }
}

printsAs(AutoencoderReport.prototype, 'AutoencoderReport', (report) => report.toString());
