// What `unfold` and `encode` share: codes of all files in one file, or of each file in its own.
import { extname } from 'node:path';
import { count } from '../call/inspect.js';
import type { CodeValues, SparseCodes } from '../data/codes.js';
import type { SaveCodesOptions } from '../data/codes-files.js';
import type { MatrixFilesInfo } from '../files/index.js';
import { type Coder, codesOf, Tally } from './coding.js';
import { type Flag, Misuse, pick, type Values } from './flags.js';
import { streamOf } from './inputs.js';
import { checkWritable } from './outputs.js';
import { plural } from './print.js';
import {
  claimFolder,
  isFinished,
  makeFolderOf,
  ofJob,
  type Recipe,
  readShard,
  SHARDING,
  type Shard,
  shardsOf,
} from './shards.js';
import type { Context, Outcome } from './spec.js';
import { READING } from './tables.js';

const DEFAULT_ROWS = 4096;

export const CODES_OUT: readonly Flag[] = [
  {
    name: 'out',
    kind: 'file',
    required: true,
    about:
      'a .npz file for all codes (or .safetensors for delphi); anything else is a folder, where the codes of each file get their own',
  },
  {
    name: 'codesFormat',
    kind: 'choice',
    value: 'format',
    choices: ['npz', 'delphi'],
    about: 'npz: scipy.sparse.load_npz reads it (default); delphi: for automatic interpretation',
  },
  { name: 'positions', kind: 'integer', about: 'delphi: how many samples are one sequence' },
  ...SHARDING,
];

export const CODES_READING: readonly Flag[] = [
  ...READING,
  { name: 'batch', kind: 'integer', value: 'rows', about: 'rows at a time (default 4096)' },
];

interface Making {
  readonly context: Context;
  readonly coder: Coder;
  readonly tally: Tally;
  readonly saving: SaveCodesOptions;
  readonly info: MatrixFilesInfo;
}

const ONE_FILE = ['.npz', '.safetensors'];
/** Nobody means a folder by these. */
const NO_FOLDER = /\.(npy|bin|arrow|pt|pth|json|jsonl|csv|txt|html|h5|parquet)$/i;

function readFormat({ out, codesFormat, positions }: Values): SaveCodesOptions {
  const ending = extname(out as string).toLowerCase();
  if (NO_FOLDER.test(out as string))
    throw new Misuse(
      `--out must end in .npz, or .safetensors for delphi, or be a folder, got ${JSON.stringify(out)}`,
    );
  const format =
    (codesFormat as 'npz' | 'delphi' | undefined) ?? (ending === '.safetensors' ? 'delphi' : 'npz');
  if (ONE_FILE.includes(ending) && (format === 'npz') !== (ending === '.npz'))
    throw new Misuse(
      `--out must end in ${format === 'npz' ? '.npz' : '.safetensors'} for --codes-format ${format}, got ${JSON.stringify(out)}`,
    );
  if (format === 'delphi' && positions === undefined)
    throw new Misuse(
      '--positions is missing: --codes-format delphi tells samples by sequence and position, so say how many are one sequence',
    );
  if (format === 'npz' && positions !== undefined)
    throw new Misuse('--positions is for --codes-format delphi');
  return { format, ...(positions !== undefined && { positions: positions as number }) };
}

const make = async (
  { context, coder, tally }: Making,
  paths: readonly string[],
  update: (done: number) => void,
): Promise<SparseCodes<CodeValues>> => {
  const { values, signal } = context;
  const stream = streamOf(paths, values, { batch: (values.batch as number | undefined) ?? DEFAULT_ROWS });
  return codesOf(stream, coder, tally, signal, ({ done }) => update(done));
};

async function intoOne(making: Making): Promise<Outcome> {
  const { context, tally, saving, info, coder } = making;
  const { paths, values, progress, signal } = context;
  const out = values.out as string;
  if (values.shard !== undefined)
    throw new Misuse('--shard is for a folder as --out: there each file of activations has its own codes');
  await checkWritable(values, 'out');
  const codes = await make(making, paths, (done) =>
    progress.update({ done, total: info.rows, figures: { L0: tally.meanL0, gap: tally.worstGap } }),
  );
  progress.stop();
  await codes.save(out, { ...saving, signal });
  return {
    text: [
      `${out}: codes of ${count(tally.samples)} samples × ${count(coder.features)} features`,
      ...tally.lines(),
    ].join('\n'),
    json: { out, features: coder.features, ...tally.json() },
  };
}

async function intoFolder(making: Making, recipe: Recipe): Promise<Outcome> {
  const { context, coder, tally, saving, info } = making;
  const { values, progress, note, signal } = context;
  const folder = values.out as string;
  const job = readShard(values.shard as string | undefined);
  const name = (stem: string): string =>
    saving.format === 'npz' ? `${stem}.npz` : `${stem}/0_${coder.features - 1}.safetensors`;
  const shards = ofJob(shardsOf(info.files, folder, name), job);
  await claimFolder(folder, recipe);
  const open: Shard[] = [];
  for (const shard of shards) {
    const state = await isFinished(shard);
    if (state === 'broken') note(`${shard.output} is damaged, and is made again`);
    if (state !== 'yes') open.push(shard);
  }
  const skipped = shards.length - open.length;
  if (skipped > 0) note(`${plural(skipped, 'file is', 'files are')} done already`);
  const total = open.reduce((sum, { rows }) => sum + rows, 0);
  let before = 0;
  let written = 0;
  try {
    for (const shard of open) {
      signal.throwIfAborted();
      const codes = await make(making, [shard.input], (done) =>
        progress.update({ done: before + done, total, figures: { L0: tally.meanL0, gap: tally.worstGap } }),
      );
      await makeFolderOf(shard.output);
      await codes.save(shard.output, { ...saving, signal });
      before += shard.rows;
      written += 1;
    }
  } catch (error) {
    progress.stop();
    const { left } = error as { left?: string[] };
    if (signal.aborted && Array.isArray(left))
      left.push(
        `${count(written)} of ${plural(open.length, 'file')} done, and kept in ${folder}. The same command goes on:`,
        `  ${context.again()}`,
      );
    throw error;
  }
  progress.stop();
  const of =
    job === undefined
      ? ''
      : ` (job ${job.i} of ${job.n}: ${count(shards.length)} of ${plural(info.files.length, 'file')})`;
  return {
    text: [
      `${folder}: codes of ${plural(written, 'file')}${skipped > 0 ? `, ${count(skipped)} done before` : ''}${of}`,
      ...(written > 0 ? tally.lines() : []),
    ].join('\n'),
    json: {
      out: folder,
      features: coder.features,
      written: open.map(({ output }) => output),
      skipped,
      ...tally.json(),
    },
  };
}

/** Codes of all activations as `--out` says. `recipe` tells what they depend on besides the activations. */
export async function writeCodes(
  context: Context,
  coder: Coder,
  verb: string,
  recipe: Recipe,
): Promise<Outcome> {
  const { paths, values, progress } = context;
  const out = values.out as string;
  const saving = readFormat(values);
  const info = await streamOf(paths, values).inspect();
  const tally = new Tally(coder.features);
  const making: Making = { context, coder, tally, saving, info };
  progress.start(verb, 'samples');
  const one = ONE_FILE.includes(extname(out).toLowerCase());
  const outcome = await (one
    ? intoOne(making)
    : intoFolder(making, {
        unsuperpose: 'codes 1',
        ...recipe,
        reading: pick(values, READING),
        saving: { ...saving },
      }));
  return {
    ...outcome,
    report: () => ({
      title: `Codes of ${count(tally.samples)} samples`,
      lead: `Which of ${count(coder.features)} features are active in each sample, and how much.`,
      facts: tally.facts(),
      charts: tally.charts(),
      notes: [...tally.notes],
      command: context.again(),
    }),
  };
}
