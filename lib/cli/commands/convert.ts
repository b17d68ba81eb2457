// `unsuperpose convert`: the same thing in another format.
import { count } from '../../call/inspect.js';
import { SparseCodes } from '../../data/codes.js';
import { writeMatrix } from '../../files/index.js';
import { SparseAutoencoder } from '../../sae/autoencoder.js';
import { type Flag, flagOf, Misuse, pick, type Values } from '../flags.js';
import { loadOptions, loadRows, matrixAt, place } from '../inputs.js';
import { checkApart, checkEnding, checkWritable, checkWritableFolder, MATRIX_ENDINGS } from '../outputs.js';
import type { Command, Context, Outcome } from '../spec.js';
import { LOADING, READING } from '../tables.js';
import { PROBING } from './features.js';
import { kindOf } from './inspect.js';
import { readSaving, SAVING } from './saving.js';

type Kind = 'sae' | 'codes' | 'matrix';
const KINDS: readonly Kind[] = ['sae', 'codes', 'matrix'];

const names = (flags: readonly Flag[]): string[] => flags.map(({ name }) => name);

/** Flags that are for some kinds only. */
const ONLY: readonly (readonly [readonly string[], readonly Kind[]])[] = [
  [['outFormat', 'metadata', ...names(LOADING), ...names(PROBING)], ['sae']],
  [['positions'], ['codes']],
  [['outName', ...names(READING)], ['matrix']],
  [['outDtype'], ['sae', 'matrix']],
];
const MANY: Readonly<Record<Kind, string>> = { sae: 'autoencoders', codes: 'codes', matrix: 'matrices' };
const ONE: Readonly<Record<Kind, string>> = { sae: 'an autoencoder', codes: 'codes', matrix: 'a matrix' };

/** Refuses flags that would change nothing. */
function checkFlags(from: string, kind: Kind, values: Values): void {
  for (const [flags, kinds] of ONLY)
    for (const flag of flags)
      if (values[flag] !== undefined && !kinds.includes(kind))
        throw new Misuse(
          `${flagOf(flag)} is for ${kinds.map((one) => MANY[one]).join(' and ')}, and ${from} is read as ${ONE[kind]} (--as says otherwise)`,
        );
}

async function convertSae(from: string, out: string, { values, signal }: Context): Promise<Outcome> {
  const saving = readSaving(values);
  if (saving.format !== 'saelens') checkEnding(out, ['.safetensors'], '<to>');
  const sae = await SparseAutoencoder.load(from, { ...(await loadOptions(values, signal)), signal });
  await sae.save(out, { ...saving, signal });
  const { features, dims, outputDims, activation } = sae;
  return {
    text: `${out}: a sparse autoencoder, ${activation}, ${count(features)} features × ${count(dims)} dims, from format ${sae.source?.format}`,
    json: { kind: 'sae', out, features, dims, outputDims, activation, from: sae.source?.format },
  };
}

async function convertCodes(from: string, out: string, { values, signal }: Context): Promise<Outcome> {
  checkEnding(out, ['.safetensors', '.npz'], '<to>');
  const codes = await SparseCodes.load(from, { signal });
  await codes.save(out, {
    ...(values.positions !== undefined && { positions: values.positions as number }),
    signal,
  });
  const [samples, features] = codes.shape;
  return {
    text: `${out}: codes of ${count(samples)} samples × ${count(features)} features`,
    json: { kind: 'codes', out, samples, features },
  };
}

async function convertMatrix(from: string, out: string, context: Context): Promise<Outcome> {
  const { values, signal } = context;
  checkEnding(out, MATRIX_ENDINGS, '<to>');
  const { outName: name, outDtype: dtype } = values as { outName?: string; outDtype?: 'float32' };
  const { path, name: chosen } = await place(from);
  const matrix =
    chosen === undefined
      ? await loadRows([path], context)
      : Object.keys(pick(values, READING)).length > 0
        ? await loadRows([path], { ...context, values: { ...values, name: chosen } })
        : await matrixAt(from, signal);
  await writeMatrix(out, matrix, {
    ...(name !== undefined && { name }),
    ...(dtype !== undefined && { dtype }),
    signal,
  });
  const [rows, cols] = matrix.shape as readonly [number, number];
  return {
    text: `${out}: a matrix, ${count(rows)} rows × ${count(cols)} columns`,
    json: { kind: 'matrix', out, rows, cols },
  };
}

async function run(context: Context): Promise<Outcome> {
  const [from, out] = context.paths as readonly [string, string];
  const { values } = context;
  const to = { ...values, '<to>': out };
  if (values.outFormat === 'saelens') await checkWritableFolder(to, '<to>');
  else await checkWritable(to, '<to>');
  await checkApart([from], to, PROBING);
  const { path, name } = await place(from);
  const asked = values.as as Kind | undefined;
  const reading = Object.keys(pick(values, READING)).length > 0;
  const told = asked ?? (name !== undefined || reading ? 'matrix' : await kindOf(path));
  if (told === 'run')
    throw new Misuse(`${from} is the state of a run, which learn or train goes on from with --resume`);
  const kind = told === 'arrays' || told === 'activations' ? 'matrix' : told;
  checkFlags(from, kind, values);
  if (name !== undefined && kind !== 'matrix')
    throw new Misuse(`${from} names an array, which --as ${kind} does not read: leave #${name} out`);
  if (name !== undefined && values.name !== undefined)
    throw new Misuse(`#${name} and --name are two ways to name an array: give one of them`);
  if (kind === 'sae') return convertSae(path, out, context);
  if (kind === 'codes') return convertCodes(path, out, context);
  return convertMatrix(from, out, context);
}

export const convert: Command = {
  name: 'convert',
  paths: '<from> <to>',
  about:
    'Write a matrix, codes or an autoencoder in another format: by the ending of the second path, and --out-format.',
  groups: [
    {
      title: 'What it is',
      flags: [
        {
          name: 'as',
          kind: 'choice',
          value: 'kind',
          choices: KINDS,
          about: 'sae, codes or matrix; by default told by the files',
        },
        ...LOADING,
        ...PROBING,
        ...READING,
      ],
    },
    {
      title: 'Result',
      flags: [
        ...SAVING,
        {
          name: 'outName',
          kind: 'text',
          value: 'name',
          about: "a matrix's name in .npz and .safetensors (default matrix)",
        },
        {
          name: 'positions',
          kind: 'integer',
          about: 'codes to .safetensors, for delphi: how many samples are one sequence',
        },
      ],
    },
  ],
  notes: [
    'file#name is one array of several: sae.safetensors#decoder. Pickled files (.pt) are never read: the README has three lines of Python for them.',
  ],
  examples: [
    {
      run: 'unsuperpose convert activations.npy activations.safetensors --out-dtype float16 --out-name layer.3',
      about: 'A matrix in half the bytes.',
    },
    {
      run: 'unsuperpose convert sae.safetensors for-saelens-2 --out-format saelens --metadata model_name=gpt2-small',
      about: 'An autoencoder for SAELens.',
    },
    {
      run: 'unsuperpose convert sae.safetensors#decoder dictionary-2.safetensors --out-name dictionary',
      about: "An autoencoder's decoder as a dictionary.",
    },
  ],
  run,
};
