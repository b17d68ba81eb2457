// `unsuperpose claims pairs`: no two features interact by more than ε.
import { count, digits } from '../../call/inspect.js';
import { claimNoPair, virtualWeights, type Weight } from '../../claims/index.js';
import { replaceFile } from '../../files/replace.js';
import { pick } from '../flags.js';
import { dictionaryAt, matrixAt } from '../inputs.js';
import { checkWritable } from '../outputs.js';
import { rows, table } from '../print.js';
import type { Page } from '../report/page.js';
import { type Command, type Context, type Outcome, STATUS } from '../spec.js';
import { RESOURCES } from '../tables.js';

async function weightOf({ values, signal }: Context): Promise<Weight> {
  const paths = values.weight as readonly string[] | undefined;
  if (paths === undefined) return 'identity';
  const factors = [];
  for (const path of paths) factors.push(await matrixAt(path, signal));
  return factors;
}

async function run(context: Context): Promise<Outcome> {
  const { values, signal, progress } = context;
  const { out, epsilon, top = 10 } = values as { out?: string; epsilon: number; top?: number };
  await checkWritable(values, 'out');
  const from = await dictionaryAt(values.from as string, signal);
  const to = await dictionaryAt(values.to as string, signal);
  const weight = await weightOf(context);
  const asking = { ...pick(values, RESOURCES), signal };
  progress.start('scoring all pairs', 'features');
  const claim = await claimNoPair(from, weight, to, epsilon, {
    ...asking,
    onProgress: (now) => progress.update(now),
  });
  using weights = virtualWeights(from, weight, to);
  const strongest = await weights.strongest(Math.min(top, from.features * to.features), asking);
  progress.stop();
  if (out !== undefined)
    await replaceFile(
      out,
      (sink) => sink.write(new TextEncoder().encode(`${JSON.stringify(claim)}\n`)),
      signal,
    );
  const { holds, fails, bound } = claim.result;
  const verdict = holds ? 'holds' : fails ? 'does not hold' : 'is open: rounding hides whether it holds';
  const lines = Array.from(strongest.value, (value, i) => [
    count(strongest.from[i] as number),
    count(strongest.to[i] as number),
    digits(value),
  ]);
  return {
    text: [
      claim.statement,
      ...rows([
        ['the claim', verdict],
        ['no pair exceeds', String(bound)],
        ['pairs', count(from.features * to.features)],
        ['written to', out],
      ]),
      'Strongest pairs:',
      ...table(['from', 'to', 'value'], lines),
    ].join('\n'),
    json: {
      claim,
      strongest: Array.from(strongest.value, (value, i) => ({
        from: strongest.from[i],
        to: strongest.to[i],
        value,
      })),
    },
    status: holds ? STATUS.done : STATUS.refuted,
    async report(): Promise<Page> {
      using again = virtualWeights(from, weight, to);
      const { edges, counts } = await again.histogram({
        bins: 100,
        top: 1.05 * Math.max(bound, epsilon) || 1,
        signal,
      });
      return {
        title: `Do any two features interact by more than ${epsilon}?`,
        lead: `${claim.statement} All ${count(from.features * to.features)} pairs count: what a feature of the one dictionary adds to a feature of the other.`,
        facts: [
          ['the claim', verdict],
          ['no pair exceeds', digits(bound)],
          ['features, from', count(from.features)],
          ['features, to', count(to.features)],
        ],
        charts: [
          {
            title: 'Interaction of pairs',
            about:
              'How many pairs of features interact how strongly. What is right of the dashed line breaks the claim.',
            kind: 'histogram',
            x: { label: '|interaction|' },
            y: { label: 'pairs', log: true },
            at: Array.from(edges),
            series: [{ label: 'pairs', values: Array.from(counts, (pairs) => (pairs > 0 ? pairs : null)) }],
            marks: [{ at: epsilon, label: `ε = ${digits(epsilon)}` }],
          },
        ],
        tables: [
          {
            title: 'Strongest pairs',
            about: 'With their sign.',
            heading: ['from', 'to', 'interaction'],
            lines,
          },
        ],
        command: context.again(),
      };
    },
  };
}

export const pairs: Command = {
  name: 'claims pairs',
  paths: '',
  about:
    'Claim that no two features interact by more than ε, over all pairs: proved, or answered by the pair that does.',
  reports: true,
  groups: [
    {
      title: 'Claim',
      flags: [
        {
          name: 'from',
          kind: 'file',
          required: true,
          about: 'the features that write, features × dims (file#name for one of several arrays)',
        },
        { name: 'to', kind: 'file', required: true, about: 'the features that read' },
        {
          name: 'weight',
          kind: 'files',
          about:
            'the matrix between, dims of to × dims of from, or the factors of one; none: both live in one space',
        },
        { name: 'epsilon', kind: 'number', required: true, about: 'ε ≥ 0' },
        { name: 'top', kind: 'integer', about: 'how many of the strongest pairs to show (default 10)' },
        ...RESOURCES,
      ],
    },
    {
      title: 'Result',
      flags: [
        {
          name: 'out',
          kind: 'file',
          about: 'the claim, with its evidence, as JSON: claims verify checks it again',
        },
      ],
    },
  ],
  notes: ['Exit status 3 says that the claim does not hold, or that rounding leaves it open.'],
  examples: [
    {
      run: 'unsuperpose claims pairs --from dictionary.safetensors --to dictionary-2.safetensors --epsilon 1.5 --out claim.json',
      about:
        'Claims that no feature of the one reaches one of the other by more than 1.5, and keeps the claim.',
    },
    {
      run: 'unsuperpose claims pairs --from dictionary.safetensors --weight weight.npy --to dictionary-2.safetensors --epsilon 100 --json',
      about: 'The same through a weight matrix.',
    },
  ],
  run,
};
