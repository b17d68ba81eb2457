// A result file as markdown tables, and the part of bench/README.md that they fill.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Result, Row, WorkloadResult } from './result.js';
import type { Summary } from './statistics.js';

const begin = '<!-- results: written by `npm run bench -- --report FILE` -->';
const end = '<!-- end of results -->';

const millisecondsPerSecond = 1000;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const significant = (value: number, digits = 3): string => Number(value.toPrecision(digits)).toString();
const milliseconds = (seconds: number): string => significant(seconds * millisecondsPerSecond);
const spread = ({ min, max, mad }: Summary): string =>
  `${milliseconds(min)} … ${milliseconds(max)}, ±${milliseconds(mad)}`;

/** The target beside what was reached; an absent unit cannot be judged. */
function verdict({ target, sgemms }: Row): string {
  if (!target || sgemms === undefined) return '';
  const { most, leastSpeed } = target;
  if (most !== undefined) return `≤ ${most}: ${sgemms <= most ? 'met' : 'missed'}`;
  if (leastSpeed === undefined) return '';
  const speed = 1 / sgemms;
  return `speed ≥ ${leastSpeed}: ${significant(speed)}, ${speed >= leastSpeed ? 'met' : 'missed'}`;
}

function accuracyCell({ accuracy }: Row): string {
  if (!accuracy) return '';
  const { maxGap, residual } = accuracy;
  return maxGap === undefined ? `residual ${significant(residual)}` : `gap ≤ ${maxGap.toExponential(1)}`;
}

function rowCells(row: Row, all: number, configured: boolean): string[] {
  const { accuracy } = row;
  const name = row.by === 'unsuperpose' ? `**${row.name}**` : row.name;
  const notes = [
    row.variant ?? '',
    row.samples < all ? `${row.samples} samples timed, scaled` : '',
    row.setupSeconds === undefined ? '' : `set-up ${milliseconds(row.setupSeconds)} ms not counted`,
  ];
  return [
    row.threads > 1 ? `${name}, ${row.threads} threads` : name,
    row.sgemms === undefined ? '' : significant(row.sgemms),
    row.sgemmsFastest === undefined ? '' : significant(row.sgemmsFastest),
    ...(configured ? [row.sgemmsAsConfigured === undefined ? '' : significant(row.sgemmsAsConfigured)] : []),
    milliseconds(row.seconds.median),
    spread(row.seconds),
    accuracyCell(row),
    accuracy === undefined ? '' : significant(accuracy.nonzeros),
    row.iterations === undefined ? '' : significant(row.iterations),
    verdict(row),
    notes.filter((note) => note !== '').join('; '),
  ];
}

function workloadSection(workload: WorkloadResult): string {
  const { name, dims, features, active, samples, lambda, sgemm, sgemmAsConfigured, rows, failures } =
    workload;
  const configured = sgemmAsConfigured !== undefined;
  const unit = sgemm
    ? `one sgemm: ${milliseconds(sgemm.median)} ms (${spread(sgemm)})`
    : 'no sgemm to compare with';
  const other = sgemmAsConfigured ? `; as configured ${milliseconds(sgemmAsConfigured.median)} ms` : '';
  return [
    `### ${name}: dims ${dims}, features ${features}, ${active} active, ${samples} samples, λ ${significant(lambda)}`,
    `${unit}${other}.`,
    table(
      [
        'method',
        'sgemms',
        'of the fastest runs',
        ...(configured ? ['sgemms as configured'] : []),
        'median ms',
        'min … max, ±MAD ms',
        'accuracy',
        'active',
        'iterations',
        'target',
        'notes',
      ],
      rows.map((row) => rowCells(row, samples, configured)),
    ),
    ...failures.map((failure) => `- ${failure}`),
  ].join('\n\n');
}

export function markdown(result: Result): string {
  const { machine, source, peers, tolerance, learning, small } = result;
  const versions = Object.entries(peers.versions).map(([name, version]) => `${name} ${version}`);
  const blas = peers.openblas;
  const settings = Object.entries(peers.environment).map(([name, value]) => `${name}=${value}`);
  return [
    [
      `${result.date}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os} ${machine.arch}`,
      `node ${machine.node}`,
      `unsuperpose ${source.version} at ${source.commit}${source.dirty ? ' with uncommitted changes' : ''}`,
      `level ${source.isa}`,
      ...(blas ? [`OpenBLAS ${blas.version} (${blas.core} kernels, ${blas.threads} thread)`] : []),
      ...versions,
    ].join('; ') + (result.quick ? '. A quick run: fewer samples and repeats.' : '.'),
    ...(peers.openblasAsConfigured
      ? [
          `"As configured" is sgemm under this environment's ${settings.join(' ')} ` +
            `(${peers.openblasAsConfigured.core} kernels); the unit and the peers run without them.`,
        ]
      : []),
    `Convex methods solve every sample to a relative gap of ${tolerance}, judged in float64 before anything is timed.`,
    ...peers.skipped.map((line) => `- skipped: ${line}`),
    ...result.workloads.map(workloadSection),
    ...(learning.length > 0
      ? [
          '### Dictionary learning',
          table(
            [
              'by',
              'dims',
              'features',
              'batch',
              'steps',
              'threads',
              'objective',
              'median ms a batch',
              'min … max, ±MAD ms',
            ],
            learning.map(({ by, objective, dims, features, batch, steps, threads, secondsPerBatch }) => [
              by,
              ...[dims, features, batch, steps, threads].map(String),
              significant(objective, 4),
              milliseconds(secondsPerBatch.median),
              spread(secondsPerBatch),
            ]),
          ),
        ]
      : []),
    ...(small.length > 0
      ? [
          '### Small calls',
          table(
            ['call', 'µs', '± %', 'calls a second'],
            small.map(({ name, microseconds, marginPercent, callsPerSecond }) => [
              name,
              significant(microseconds),
              significant(marginPercent, 2),
              Math.round(callsPerSecond).toString(),
            ]),
          ),
        ]
      : []),
  ].join('\n\n');
}

/** Puts the tables of a result file between the markers of bench/README.md. */
export function writeReport(resultFile: string, readme: string): string {
  const text = markdown(JSON.parse(readFileSync(resultFile, 'utf8')) as Result);
  const page = readFileSync(readme, 'utf8');
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error('bench/README.md has lost its result markers');
  writeFileSync(readme, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
  return text;
}
