// The table of what each learner finds where the features are known.
import type { BesideRandom, FeaturesRecovered, FeaturesRecoveredRow } from './result-recovery.js';
import { significant, table } from './tables.js';

const figures = {
  F1: ({ f1 }) => f1,
  MCC: ({ mcc }) => mcc,
  uniqueness: ({ uniqueness }) => uniqueness,
  'explained variance': ({ explainedVariance }) => explainedVariance,
  L0: ({ l0 }) => l0,
  dead: ({ dead }) => dead,
} satisfies Record<string, (row: FeaturesRecoveredRow) => BesideRandom>;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Means over seeds; with the lowest and the highest where there are several. */
function cell(seeds: readonly BesideRandom[]): string {
  const values = seeds.map(({ value }) => value);
  const range =
    values.length > 1 ? `, ${significant(Math.min(...values))} … ${significant(Math.max(...values))}` : '';
  return `${significant(mean(values))} (${significant(mean(seeds.map(({ random }) => random)))}${range})`;
}

export function featuresRecoveredSection(result: FeaturesRecovered): string {
  const { preset, samples, heldOut, batchSize, threads, load, cores, rows } = result;
  const widths = [...new Set(rows.map(({ features }) => features))];
  const seeds = [...new Set(rows.map(({ seed }) => seed))];
  const ofWidth = (width: number): string => {
    const own = rows.filter(({ features }) => features === width);
    const counts = own.some(({ visited }) => visited !== undefined);
    const keyOf = ({ name, visited }: FeaturesRecoveredRow): string => `${name} ${visited}`;
    return table(
      ['learner', ...Object.keys(figures), 'steps', ...(counts ? ['samples visited'] : []), 's'],
      [...new Set(own.map(keyOf))].map((key) => {
        const same = own.filter((row) => keyOf(row) === key);
        const times = same.flatMap(({ seconds }) => seconds ?? []);
        return [
          same[0]?.name ?? '',
          ...Object.values(figures).map((of) => cell(same.map(of))),
          String(same[0]?.steps ?? ''),
          ...(counts ? [String(same[0]?.visited ?? '')] : []),
          times.length > 0 ? significant(mean(times)) : '',
        ];
      }),
    );
  };
  return [
    '### Known features found',
    `toy.syntheticFeatures, ${preset}, seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}: ${samples} samples to learn from in batches of ${batchSize}, ` +
      `${heldOut} others to score, ${threads} thread${threads === 1 ? '' : 's'}. In parentheses: a frozen random dictionary of as many directions` +
      `${seeds.length > 1 ? ', then the lowest and the highest of the seeds' : ''}. ` +
      `Seconds are of learning alone, on a machine where ${load.map((value) => significant(value, 2)).join(' to ')} processes wanted ${cores} cores.`,
    ...widths.flatMap((width) => [`${width} features learned:`, ofWidth(width)]),
  ].join('\n\n');
}
