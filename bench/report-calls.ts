// The tables of what a dictionary costs before it answers, of its calls from the first one on, and of training steps.
import type { BatchesResult, SetUpResult, TrainingResult, TrainingRow } from './result.js';
import { quartiles } from './statistics.js';
import { milliseconds, significant, table } from './tables.js';

export function batchesSection(batches: readonly BatchesResult[]): string {
  const calls = Math.max(...batches.map(({ callMilliseconds }) => callMilliseconds.length));
  return [
    '### Batch after batch',
    'One dictionary, one thread, other samples in each call, from the first call on: ms a sample, with all that the call sets up for the next ones. ' +
      'Beside it one large call afterwards.',
    table(
      [
        ...['workload', 'method', 'samples a call', 'Dictionary.from, ms'],
        ...Array.from({ length: calls }, (_, i) => `call ${i + 1}`),
        'large call',
      ],
      batches.map(({ workload, method, samples, setUpMilliseconds, callMilliseconds, ...large }) => [
        ...[workload, method, String(samples), significant(setUpMilliseconds, 2)],
        ...callMilliseconds.map((time) => significant(time / samples)),
        `${significant(large.largeMilliseconds / large.largeSamples)} (${large.largeSamples} samples)`,
      ]),
    ),
  ].join('\n\n');
}

/** In our float32 products of the same run, whose time is a workload's unit. */
export function setUpSection(setUp: readonly SetUpResult[]): string {
  const precisions = [...new Set(setUp.flatMap(({ packing }) => packing.map(({ precision }) => precision)))];
  const mebibytes = (bytes: number): string => `${significant(bytes / 2 ** 20)} MiB`;
  const cost = (time: number, unit: number, bytes?: number): string =>
    `${significant(time)} (${significant(time / unit, 2)})${bytes === undefined ? '' : `, ${mebibytes(bytes)}`}`;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return [
    '### Setting up',
    'What a dictionary costs before it answers, one thread: ms (in products of all samples with all atoms, by our own float32 product of the same run), memory.',
    table(
      [
        ...['workload', 'product, ms', 'Dictionary.from'],
        ...precisions.map((precision) => `packed in ${precision}`),
        'Gram in bytes',
      ],
      setUp.map(
        ({ workload, productSamples, productMilliseconds: unit, fromMilliseconds, packing, gram }) => [
          workload,
          `${significant(unit)} (${productSamples} samples)`,
          cost(fromMilliseconds, unit),
          ...precisions.map((precision) => {
            const copy = packing.find((made) => made.precision === precision);
            return copy ? cost(copy.milliseconds, unit, copy.bytes) : '';
          }),
          cost(gram.milliseconds, unit, gram.bytes),
        ],
      ),
    ),
    'When the Gram has paid for itself: omp, other samples in each call, on a dictionary without Gram rows at first; beside it the same calls with `gramBudget: 0`. ' +
      'ms of all calls together.',
    table(
      [
        ...['workload', 'samples a call', 'calls', 'without', 'with', 'all rows there before'],
        'has paid after',
      ],
      setUp.map(({ workload, omp }) => {
        const { samplesACall, withoutMilliseconds: without, withMilliseconds, breakEvenCalls: calls } = omp;
        return [
          ...[workload, String(samplesACall), String(without.length)],
          ...[sum(without), sum(withMilliseconds), omp.afterwardsMilliseconds * without.length].map((time) =>
            significant(time),
          ),
          calls === undefined ? 'not in these calls' : `${calls} calls, ${calls * samplesACall} samples`,
        ];
      }),
    ),
  ].join('\n\n');
}

const billions = (count: number): string => `${significant(count / 1e9)}·10⁹`;
const megabytes = (bytes: number): string => `${significant(bytes / 1e6)} MB`;

function trainingCells(row: TrainingRow): string[] {
  const { name, by, seconds, sgemm, sgemms, l0, explainedVariance, dead, target, variant } = row;
  const [low, high] = quartiles(seconds.raw).map((time) => (sgemm ? time / sgemm.median : undefined));
  return [
    by === 'unsuperpose' ? `**${name}**` : name,
    sgemms === undefined ? '' : significant(sgemms),
    low === undefined || high === undefined ? '' : `${significant(low)} … ${significant(high)}`,
    ...[milliseconds(seconds.median), quartiles(seconds.raw).map(milliseconds).join(' … ')],
    ...[l0, explainedVariance].map((value) => (value === undefined ? '' : significant(value))),
    dead === undefined ? '' : String(dead),
    sgemms === undefined || target === undefined ? '' : `≤ ${target}: ${sgemms <= target ? 'met' : 'missed'}`,
    variant ?? '',
  ];
}

function trainingShape({ batch, dims, features, active, floor, rows }: TrainingResult): string {
  const units = rows.flatMap(({ sgemm }) => sgemm?.raw ?? []);
  const [low, high] = quartiles(units);
  const unit =
    units.length === 0 ? '' : ` One sgemm: ${milliseconds(low)} … ${milliseconds(high)} ms (quartiles).`;
  const { selectMultiplyAdds, entryMultiplyAdds, adamBytes, packingBytes } = floor;
  return [
    `Batch ${batch}, dims ${dims}, features ${features}, ${active} active.${unit} What a topk step cannot do without: ${billions(selectMultiplyAdds)} multiply-adds to select ` +
      `(in rounded numbers: one sgemm has as many in float32), ${billions(entryMultiplyAdds)} of entries (decisions in float64, decoding, three gradients), ` +
      `${megabytes(adamBytes)} of memory for Adam, ${megabytes(packingBytes)} to round the encoder anew.`,
    table(
      [
        ...['what', 'sgemms', 'quartiles', 'median ms', 'quartiles ms', 'L0', 'explained variance', 'dead'],
        ...['target', 'notes'],
      ],
      rows.map(trainingCells),
    ),
  ].join('\n\n');
}

export function trainingSection(training: readonly TrainingResult[]): string {
  return [
    '### Training sparse autoencoders',
    'One step of training, and encoding of one batch, one thread, in sgemms X·Wᵀ of the batch with all features. L0 is the mean number of active features in the steps timed.',
    ...training.map(trainingShape),
  ].join('\n\n');
}
