// The tables of dictionary learning where the answer is known.
import { learningStageNames, type MethodsResult, type RecoveryResult } from './result.js';
import { median } from './statistics.js';
import { milliseconds, significant, table } from './tables.js';

export function plantedSection(recovery: RecoveryResult): string {
  const { dims, features, active, samples, batch, lambda, wanted, runs, products } = recovery;
  const percent = (share: number): string => `${significant(100 * share)} %`;
  return [
    '### Planted atoms',
    `${samples} samples × ${dims}, ${active} of ${features} planted atoms each, noise 20 dB below, λ = ${significant(lambda)}, batches of ${batch}, one thread: ` +
      `the fewest steps (of runs of 60, 80, 100, …) to a mean largest cosine of ${wanted.meanCosine} and ${percent(wanted.found)} of the atoms above ${wanted.cosine}. ` +
      'Time in sgemms, of a batch times the atoms (our float32 product of the same run): ' +
      `median ${significant(products.median)}, ${significant(products.min)} … ${significant(products.max)}, ±${significant(products.mad)}.`,
    table(
      [
        'seed',
        'steps',
        'mean cosine',
        'found',
        's',
        'sgemms',
        ...learningStageNames.map((name) => `${name}, ms a step`),
      ],
      runs.map(({ seed, steps, reached, meanCosine, found, seconds, products: cost, stages }) => [
        String(seed),
        reached ? String(steps) : `${steps}: missed`,
        ...[significant(meanCosine, 4), percent(found), significant(seconds), significant(cost)],
        ...learningStageNames.map((name) => milliseconds(stages[name] / steps)),
      ]),
    ),
  ].join('\n\n');
}

/** Medians over seeds, and the least and the most where there are several. */
function middle(values: readonly number[], show: (value: number) => string): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(show);
  return least === most ? String(least) : `${show(median(values))} (${least} … ${most})`;
}

export function methodsSection({
  dims,
  features,
  active,
  samples,
  batch,
  cosine,
  seconds,
  rows,
}: MethodsResult): string {
  const percent = (share: number): string => `${significant(100 * share)} %`;
  return [
    '### Methods of dictionary learning',
    `${samples} samples × ${dims}, ${active} of ${features} planted atoms each, noise 20 dB below, batches of ${batch}, one thread; ` +
      `codes of the lasso (λ a tenth of the mean λmax) or of omp (${active} atoms). Share of the planted atoms that have a learned one of |cosine| > ${cosine} after so many seconds: ` +
      `medians over ${rows[0]?.runs.length ?? 0} seeds, with the least and the most.`,
    table(
      ['method', 'codes', ...seconds.map((time) => `found after ${time} s`), 'steps in all'],
      rows.map(({ method, solver, runs }) => [
        ...[method, solver],
        ...seconds.map((_, i) =>
          middle(
            runs.map(({ found }) => found[i] as number),
            percent,
          ),
        ),
        middle(
          runs.map(({ steps }) => steps),
          (count) => Math.round(count).toString(),
        ),
      ]),
    ),
  ].join('\n\n');
}
