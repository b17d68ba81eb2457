// The tables of what a dictionary costs before it answers, and of its calls from the first one on.
import type { BatchesResult, SetUpResult } from './result.js';
import { significant, table } from './tables.js';

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
