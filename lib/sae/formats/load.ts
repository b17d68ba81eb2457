// Autoencoders from files.
import { Options } from '../../call/options.js';
import { type Path, readPath } from '../../files/refuse.js';
import { throwIfAborted } from '../../native/job.js';
import type { NativeAutoencoder } from '../../native/sae.js';
import type { TrainingSummary } from '../training.js';
import { decide } from './decide.js';
import type { AutoencoderFormat } from './draft.js';
import { Place } from './place.js';
import { type Probe, readProbe, scaleOf, warningsOf } from './probe.js';
import { FORMAT_NAMES, formatOf } from './registry.js';
import { AutoencoderReport } from './report.js';

/** Options of `SparseAutoencoder.load` and `SparseAutoencoder.inspect`. */
export interface LoadAutoencoderOptions {
  /** Default: told by which files there are. */
  readonly format?: AutoencoderFormat | undefined;
  /**
   * Activations (and targets, of transcoders) like those that it was trained on. Where the files leave open how they are to be read, each reading
   * encodes and decodes them, and the one that explains clearly more of their variance is taken. L0 and explained variance are in the report.
   */
  readonly probe?: Probe | undefined;
  /**
   * Of checkpoints that were trained on scaled inputs and do not have the scale (SAELens' `expected_average_only_in`): s = √dims / (mean norm of an
   * activation), which is folded into the parameters. 1 if you scale activations yourself.
   */
  readonly inputScale?: number | undefined;
  /** `circuit-tracer`: which layer's transcoder. */
  readonly layer?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoadedAutoencoder {
  readonly own: NativeAutoencoder;
  readonly report: AutoencoderReport;
  readonly training: TrainingSummary | undefined;
}

export async function readAutoencoder(
  path: Path,
  options: LoadAutoencoderOptions | undefined,
  call: string,
): Promise<LoadedAutoencoder> {
  const read = new Options(options, ['format', 'probe', 'inputScale', 'layer', 'signal'], call);
  const at = readPath(path, 'path');
  const wanted = read.has('format') ? read.choice('format', FORMAT_NAMES, 'saelens') : undefined;
  const inputScale = read.number('inputScale', { above: 0 }, undefined);
  const layer = read.integer('layer', { min: 0 }, undefined);
  const signal = read.signal();
  const probe = read.has('probe') ? readProbe(read.get('probe')) : undefined;
  throwIfAborted(signal);
  const place = await Place.of(at, signal);
  const format = await formatOf(place, wanted);
  const draft = await format.read(place, {
    inputScale,
    layer,
    probeScale: probe === undefined ? undefined : scaleOf(probe),
  });
  if (layer !== undefined && format.name !== 'circuit-tracer')
    read.exclude(['layer'], 'format circuit-tracer', `format ${format.name}`);
  if (inputScale !== undefined && !draft.questions.some(({ scale }) => scale))
    read.exclude(
      ['inputScale'],
      'checkpoints that leave the scale of inputs open',
      `${at}, which has what it needs`,
    );
  throwIfAborted(signal);
  const { own, decisions, probe: figures } = await decide(draft, at, probe, signal);
  const tensors = draft.tensors.flatMap((file) => file.list());
  const report = new AutoencoderReport({
    path: at,
    format: format.name,
    version: draft.version,
    architecture: draft.architecture,
    activation: own.activation,
    features: own.features,
    dims: own.inputs,
    outputDims: own.outputs,
    transcoder: draft.transcoder,
    dtype: [...new Set(tensors.map(({ dtype }) => dtype))].join(', '),
    decisions: [...draft.decisions, ...decisions],
    probe: figures,
    warnings: figures === undefined ? [] : warningsOf(figures, own.features),
    tensors,
    settings: draft.settings[0]?.values ?? {},
    unused: draft.settings[0]?.unused() ?? [],
  });
  return { own, report, training: draft.training };
}
