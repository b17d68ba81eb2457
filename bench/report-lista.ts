// The tables of unrolled networks.
import { verdictOf } from './published.js';
import type { ListaJoin, ListaResult, ListaRow, ListaSteps, Published } from './result-lista.js';
import { milliseconds, significant, table } from './tables.js';

const secondsPerMinute = 60;
const decibels = (value: number): string => value.toFixed(2);

function publishedCell(published: Published | undefined): string {
  if (published === undefined) return '';
  const { byLayer, atLeast, atMost } = published;
  if (byLayer !== undefined) return Object.values(byLayer).map(decibels).join(' / ');
  return atLeast === undefined ? `≤ ${atMost}` : `${atMost} … ${atLeast}`;
}

function rowCells(row: ListaRow, layers: readonly number[], shown: readonly number[]): string[] {
  const { name, snr, nmse, kind, samples, training, microseconds, finished, published, notes } = row;
  const cells =
    kind === 'floor'
      ? layers.map((_, i) => (i === layers.length - 1 ? decibels(nmse[0] as number) : ''))
      : layers.map((layer) => decibels(nmse[shown.indexOf(layer)] as number));
  const remarks = [
    notes ?? '',
    samples === 0 ? 'computed' : `${samples} samples`,
    finished ? `finished: ${finished.samples} samples, ${significant(finished.microseconds)} µs each` : '',
  ];
  return [
    training ? `**${name}**` : name,
    ...cells,
    publishedCell(published),
    (published && verdictOf(name, snr, shown, nmse)) ?? '',
    finished ? `${decibels(finished.nmse)} (${significant(100 * finished.accepted)} %)` : '',
    training ? (training.seconds / secondsPerMinute).toFixed(1) : '',
    training ? `${training.steps} × ${Math.round(training.samples / Math.max(1, training.steps))}` : '',
    microseconds === undefined ? '' : significant(microseconds),
    remarks.filter((remark) => remark !== '').join('; '),
  ];
}

function noiseTable(rows: readonly ListaRow[], { shown, layers: all }: ListaResult): string {
  const layers = shown.filter((layer) => layer % 4 === 0 || layer === all);
  return table(
    [
      ...['method', ...layers.map((layer) => `layer ${layer}`), 'published', 'bar'],
      ...['finished by least squares (accepted)', 'minutes', 'steps × samples', 'µs a sample', 'notes'],
    ],
    rows.map((row) => rowCells(row, layers, shown)),
  );
}

function stepsTable({ batch, layers, by, target, rows }: ListaSteps): string {
  return [
    `One training step, batch ${batch}, ${layers} layers, one thread, beside the products that it must do: by ${by} of the same run.`,
    table(
      ['variant', 'products', 'median ms', 'one product, ms', 'ratio', `target ≤ ${target}`],
      rows.map(({ variant, selection, products, seconds, sgemm, ratio }) => [
        `**${variant}**${selection ? ', selection' : ''}`,
        significant(products),
        ...[seconds.median, sgemm.median].map(milliseconds),
        significant(ratio),
        ratio <= target ? 'met' : 'missed',
      ]),
    ),
  ].join('\n\n');
}

function joinTable({ samples, tolerance, rows, skipped }: ListaJoin): string {
  return [
    `The lasso from nothing, and from what a network proposes that was trained on other samples of the workload without their codes, at its λ: ${samples} samples, relative gap ${tolerance}, one ` +
      'thread. Passes are products of a sample with all atoms, the network’s own among them.',
    table(
      [
        ...[
          'workload',
          'start',
          'layers',
          'training, s',
          'network, ms',
          'lasso, ms',
          'both, of the lasso alone',
        ],
        ...['solves a sample', 'passes', 'mean gap of the start', 'gap ≤'],
      ],
      rows.map((row) => {
        const alone = rows.find(({ workload, start }) => workload === row.workload && start === 'nothing');
        const both = row.lassoSeconds.median + (row.networkSeconds?.median ?? 0);
        return [
          ...[row.workload, row.start, row.layers === 0 ? '' : String(row.layers)],
          row.trainingSeconds === undefined ? '' : significant(row.trainingSeconds),
          row.networkSeconds === undefined ? '' : milliseconds(row.networkSeconds.median),
          milliseconds(row.lassoSeconds.median),
          alone === undefined ? '' : significant(both / alone.lassoSeconds.median),
          significant(row.iterations),
          significant(row.iterations + 1 + row.layers),
          row.proposalGap === undefined ? '' : row.proposalGap.toExponential(1),
          row.maxGap.toExponential(1),
        ];
      }),
    ),
    ...skipped.map((line) => `- skipped: ${line}`),
  ].join('\n\n');
}

export function listaSection(result: ListaResult): string {
  const { dims, features, density, rows, seconds, steps, join } = result;
  const noises = [...new Set(rows.map(({ snr }) => snr))];
  const training = rows.reduce((sum, row) => sum + (row.training?.seconds ?? 0), 0);
  return [
    '### Unrolled networks',
    `dims ${dims}, features ${features}, ${significant(density * features)} active on average, values N(0, 1): NMSE in dB, 10·log₁₀(Σ‖a − a*‖²/Σ‖a*‖²), of codes after so many layers (iterations). ` +
      `${significant(seconds / secondsPerMinute)} minutes in all, ${significant(training / secondsPerMinute)} of them training.` +
      (rows.some(({ notes }) => notes?.startsWith('ridge'))
        ? ' Rows with a ridge α have (D̂ᵀD̂ + αI)⁻¹ in their analytic weights, which keeps noise out; the others the published closed form, α = 0.'
        : ''),
    ...noises.flatMap((noise) => [
      `${noise === null ? 'No noise' : `SNR ${noise} dB`}:`,
      noiseTable(
        rows.filter(({ snr }) => snr === noise),
        result,
      ),
    ]),
    ...(steps ? [stepsTable(steps)] : []),
    ...(join ? [joinTable(join)] : []),
  ].join('\n\n');
}
