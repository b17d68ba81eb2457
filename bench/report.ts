// A result file as markdown tables, and the part of bench/README.md that they fill.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type PlotName, plotNames, plots } from './plots.js';
import { batchesSection, setUpSection, trainingSection } from './report-calls.js';
import { methodsSection, plantedSection } from './report-learning.js';
import { listaSection } from './report-lista.js';
import { featuresRecoveredSection } from './report-recovery.js';
import {
  type AccuracySweep,
  type FeaturesSweep,
  type PairsResult,
  type Result,
  type Row,
  stageNames,
  type ToyResult,
  type WorkloadResult,
} from './result.js';
import type { Summary } from './statistics.js';
import { milliseconds, significant, table } from './tables.js';

const begin = '<!-- results: written by `npm run bench -- --report FILE` -->';
const end = '<!-- end of results -->';

const gibibytes = (bytes: number): string => `${significant(bytes / 2 ** 30)} GiB`;
const spread = ({ min, max, mad }: Summary): string =>
  `${milliseconds(min)} … ${milliseconds(max)}, ±${milliseconds(mad)}`;

/** The target beside what was reached; an absent unit cannot be judged. */
function verdict({ target, sgemms, lassos }: Row): string {
  if (!target) return '';
  const { most, leastSpeed, mostLassos } = target;
  if (mostLassos !== undefined && lassos !== undefined)
    return `≤ ${mostLassos} × lasso: ${significant(lassos)}, ${lassos <= mostLassos ? 'met' : 'missed'}`;
  if (sgemms === undefined) return '';
  if (most !== undefined) return `≤ ${most}: ${sgemms <= most ? 'met' : 'missed'}`;
  if (leastSpeed === undefined) return '';
  const speed = 1 / sgemms;
  return `speed ≥ ${leastSpeed}: ${significant(speed)}, ${speed >= leastSpeed ? 'met' : 'missed'}`;
}

function accuracyCell({ accuracy }: Row): string {
  if (!accuracy) return '';
  const { maxGap, residual, sameSupport, differs } = accuracy;
  if (differs !== undefined)
    return differs === 0 ? "float64's top k" : `${differs} samples differ from float64`;
  if (maxGap !== undefined) return `gap ≤ ${maxGap.toExponential(1)}`;
  const supports =
    sameSupport === undefined ? '' : `, ${significant(100 * sameSupport)} % float64's supports`;
  return residual === undefined ? '' : `residual ${significant(residual)}${supports}`;
}

function rowCells(row: Row, all: number, configured: boolean): string[] {
  const { accuracy } = row;
  const level = row.isa === undefined ? '' : `, ${row.isa} only`;
  const name = (row.by === 'unsuperpose' ? `**${row.name}**` : row.name) + level;
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
    accuracy?.nonzeros === undefined ? '' : significant(accuracy.nonzeros),
    row.iterations === undefined ? '' : significant(row.iterations),
    verdict(row),
    notes.filter((note) => note !== '').join('; '),
  ];
}

/** Where the lasso's time goes, in words. */
function breakdown({ stages }: WorkloadResult): string {
  if (!stages) return '';
  const total = stageNames.reduce((sum, stage) => sum + stages[stage], 0);
  const shares = stageNames.map((stage) => `${stage} ${significant((100 * stages[stage]) / total, 2)} %`);
  return `The lasso's ${milliseconds(total)} ms, one thread: ${shares.join(', ')}.`;
}

function memory({ memory: held, rows }: WorkloadResult): string {
  if (!held) return '';
  return (
    `In a process of its own: peak resident set ${gibibytes(held.peakBytes)}, of which dictionary.bytes ${gibibytes(held.dictionaryBytes)} and the ` +
    `input as JavaScript arrays ${gibibytes(held.inputBytes)}` +
    `${rows.some(({ by }) => by === 'peer') ? '; peers have processes of their own' : ''}.`
  );
}

function workloadSection(workload: WorkloadResult): string {
  const { name, dims, features, active, samples, lambda, sgemm, sgemmAsConfigured, rows, failures, origin } =
    workload;
  const configured = sgemmAsConfigured !== undefined;
  const unit = sgemm
    ? `one sgemm: ${milliseconds(sgemm.median)} ms (${spread(sgemm)})`
    : 'no sgemm to compare with';
  const other = sgemmAsConfigured ? `; as configured ${milliseconds(sgemmAsConfigured.median)} ms` : '';
  return [
    `### ${name}: dims ${dims}, features ${features}, ${active} active, ${samples} samples, λ ${significant(lambda)}`,
    ...(origin === undefined ? [] : [`Samples: ${origin}.`]),
    `${unit}${other}.`,
    ...[memory(workload), breakdown(workload)].filter((text) => text !== ''),
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

const fits = (exponents: Readonly<Record<string, number>>): string =>
  Object.entries(exponents)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(', ');

function featuresSection({
  dims,
  active,
  samples,
  exponents,
  exponentsFastest,
  target,
  points,
  failures,
}: FeaturesSweep): string {
  const names = [...new Set(points.flatMap(({ seconds }) => Object.keys(seconds)))];
  const lasso = exponents.lasso;
  return [
    '### Time against features',
    `dims ${dims}, ${active} active, ${samples} samples, one thread, each size in a process of its own. Fitted exponents of features: ` +
      `${fits(exponents)} (of the fastest runs ${fits(exponentsFastest)})${lasso === undefined ? '' : `; target for the lasso ≤ ${target}: ${lasso <= target ? 'met' : 'missed'}`}.`,
    table(
      ['features', ...names.map((name) => `${name}, ms a sample`), 'gap', 'peak memory', 'dictionary.bytes'],
      points.map(({ features, seconds, maxGap, memory: held }) => [
        String(features),
        ...names.map((name) => (seconds[name] === undefined ? '' : milliseconds(seconds[name]))),
        maxGap === undefined ? '' : `≤ ${maxGap.toExponential(1)}`,
        ...[held.peakBytes, held.dictionaryBytes].map(gibibytes),
      ]),
    ),
    ...failures.map((failure) => `- ${failure}`),
  ].join('\n\n');
}

function accuracySection({ workload, tolerances, points, failures }: AccuracySweep): string {
  const methods = [...new Set(points.map(({ method }) => method))];
  const cell = (method: string, tolerance: number): string => {
    const point = points.find((one) => one.method === method && one.tolerance === tolerance);
    if (!point) return 'not reached';
    const { seconds, sgemms } = point;
    return `${milliseconds(seconds)}${sgemms === undefined ? '' : ` (${significant(sgemms)})`}`;
  };
  return [
    '### Time against accuracy',
    `${workload}, one thread: milliseconds a sample (sgemms) until every sample's relative gap is below the one asked for.`,
    table(
      ['method', ...tolerances.map((tolerance) => `gap ≤ ${tolerance.toExponential(0)}`)],
      methods.map((method) => [method, ...tolerances.map((tolerance) => cell(method, tolerance))]),
    ),
    ...failures.map((failure) => `- ${failure}`),
  ].join('\n\n');
}

function pairsSection({ features, dims, slice, listed, product, rows }: PairsResult): string {
  const reached = (products: number | undefined, most: number | undefined): string =>
    products === undefined || most === undefined ? '' : `≤ ${most}: ${products <= most ? 'met' : 'missed'}`;
  return [
    '### All pairs of features',
    `${features} × ${features} pairs at dims ${dims}; the list above the epsilon has ${listed}. ` +
      (product
        ? `One float32 product of all pairs: ${significant(product.median)} s (${significant(product.min)} … ${significant(product.max)}), of one thread, scaled from ${slice} rows.`
        : 'No sgemm to compare with.'),
    table(
      ['question', 'threads', 'products', 'median s', 'min … max s', 'target'],
      rows.map(({ name, threads, seconds, products, target }) => [
        `**${name}**`,
        String(threads),
        products === undefined ? '' : significant(products),
        significant(seconds.median),
        `${significant(seconds.min)} … ${significant(seconds.max)}`,
        reached(products, target),
      ]),
    ),
  ].join('\n\n');
}

function toySection({
  models,
  features,
  dims,
  steps,
  threads,
  seconds,
  operations,
  rate,
  floor,
  plateaus,
}: ToyResult): string {
  const least = 0.5;
  const on = plateaus.filter(({ onPlateau }) => onPlateau > least).length;
  return [
    '### Toy models',
    `The geometry set-up of Elhage et al. 2022: ${models} models of ${features} features in ${dims} dims, ${steps} steps, ${threads} threads: ` +
      `${significant(seconds)} s. It takes ${significant(operations / 1e12)}·10¹² multiply-adds at least; at the ${significant(rate / 1e9)}·10⁹ a second of our dense ` +
      `product on the same threads that is ${significant(floor)} s: a ratio of ${significant(seconds / floor)} (target ≤ 2: ${seconds <= 2 * floor ? 'met' : 'missed'}).`,
    `Features whose dimensionality is within 0.03 of 1, 3/4, 2/3, 1/2, 2/5, 3/8 or 0, by density (${on} models have more than half there):`,
    table(
      ['density', ...plateaus.map(({ density }) => significant(density))],
      [['on a plateau', ...plateaus.map(({ onPlateau }) => `${Math.round(100 * onPlateau)} %`)]],
    ),
  ].join('\n\n');
}

/** What each plot shows, for those who cannot see it. */
const captions: Readonly<Record<PlotName, string>> = {
  overview: 'Time of lasso and omp beside their peers, in sgemms, a panel a workload',
  accuracy: 'Time a sample against the relative duality gap asked for, on W2',
  features: 'Time a sample against the number of features',
  breakdown: "Where the lasso's time goes, in sgemms, a bar a workload",
  lista: 'NMSE of unrolled networks by layer, a panel a noise level',
};

/** `drawn`: the plots that lie beside the page. */
export function markdown(result: Result, drawn: readonly PlotName[] = []): string {
  const {
    machine,
    source,
    peers,
    tolerance,
    learning,
    pairs,
    small,
    sweeps = {},
    toy,
    batches,
    setUp,
    recovery,
    methods,
    training,
    featuresRecovered,
    lista,
  } = result;
  const plot = (name: PlotName): string[] =>
    drawn.includes(name) ? [`![${captions[name]}](plots/${name}.svg)`] : [];
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
    ...(result.workloads.length > 0
      ? [
          `Convex methods solve every sample to a relative gap of ${tolerance}, judged in float64 before anything is timed.`,
        ]
      : []),
    ...peers.skipped.map((line) => `- skipped: ${line}`),
    ...plot('overview'),
    ...plot('breakdown'),
    ...(result.workloads.length > 0 && !result.workloads.some(({ stages }) => stages)
      ? ["No breakdown of the lasso's time in this build."]
      : []),
    ...result.workloads.map(workloadSection),
    ...(sweeps.features ? [featuresSection(sweeps.features), ...plot('features')] : []),
    ...(sweeps.accuracy ? [accuracySection(sweeps.accuracy), ...plot('accuracy')] : []),
    ...(pairs ? [pairsSection(pairs)] : []),
    ...(toy ? [toySection(toy)] : []),
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
    ...(recovery ? [plantedSection(recovery)] : []),
    ...(methods ? [methodsSection(methods)] : []),
    ...(training ? [trainingSection(training)] : []),
    ...(featuresRecovered ? [featuresRecoveredSection(featuresRecovered)] : []),
    ...(lista ? [listaSection(lista), ...plot('lista')] : []),
    ...(setUp ? [setUpSection(setUp)] : []),
    ...(batches ? [batchesSection(batches)] : []),
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

/**
 * Puts the tables of result files between the markers of the README in `folder`, and plots into plots/ there, each of the first file that has what
 * it shows.
 */
export async function writeReport(resultFiles: readonly string[], folder: string): Promise<string> {
  const results = resultFiles.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result);
  if (results.length === 0) throw new Error('--report needs a result file');
  const drawn = new Map<PlotName, string>();
  const parts: string[] = [];
  for (const result of results) {
    const own = [...(await plots(result))].filter(([name]) => !drawn.has(name));
    for (const [name, svg] of own) drawn.set(name, svg);
    parts.push(
      markdown(
        result,
        own.map(([name]) => name),
      ),
    );
  }
  const text = parts.join('\n\n');
  const readme = join(folder, 'README.md');
  const page = readFileSync(readme, 'utf8');
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${basename(readme)} has lost its result markers`);
  writeFileSync(readme, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
  mkdirSync(join(folder, 'plots'), { recursive: true });
  for (const name of plotNames) {
    const file = join(folder, 'plots', `${name}.svg`);
    const svg = drawn.get(name);
    if (svg === undefined) rmSync(file, { force: true });
    else writeFileSync(file, svg);
  }
  return text;
}
