// `unsuperpose inspect`: what a file or a checkpoint holds.
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { UnsuperposeError } from '../../call/errors.js';
import { count, digits } from '../../call/inspect.js';
import { SparseCodes } from '../../data/codes.js';
import { Dictionary } from '../../data/dictionary.js';
import { type ArrayInfo, listArrays } from '../../files/index.js';
import { isRecord, parseJSON } from '../../files/json.js';
import { broken } from '../../files/refuse.js';
import { readSafetensors, type Safetensors } from '../../files/safetensors.js';
import { coherence, welchBound } from '../../geometry/index.js';
import { SparseAutoencoder } from '../../sae/autoencoder.js';
import { Misuse, pick } from '../flags.js';
import { dictionaryAt, loadOptions, place, streamOf } from '../inputs.js';
import { plural, rows, table } from '../print.js';
import { densityChart, geometryCharts, l0Chart } from '../report/charts.js';
import type { Page } from '../report/page.js';
import type { Command, Context, Outcome } from '../spec.js';
import { LOADING, READING } from '../tables.js';
import { PROBING } from './features.js';

type Kind = 'sae' | 'codes' | 'dictionary' | 'arrays' | 'activations' | 'run';
const KINDS: readonly Kind[] = ['sae', 'codes', 'dictionary', 'arrays', 'activations', 'run'];

const CODES = ['data', 'format', 'indices', 'indptr', 'shape'];

/** What the file says of the run whose state it is; undefined where it is no such file. */
function runOf({ metadata }: Safetensors, path: string) {
  const head = parseJSON(metadata.unsuperpose ?? 'null', path, 'unsuperpose');
  const state = parseJSON(metadata.metadata ?? 'null', path, 'the metadata');
  if (!isRecord(head) || !isRecord(state) || !isRecord(state.run)) return undefined;
  return { kind: head.kind, options: state.run, figures: state.figures };
}

/** A checkpoint may be called anything. What cannot be read is none. */
const isRun = (path: string): Promise<boolean> =>
  readSafetensors(path).then(
    (file) => runOf(file, path) !== undefined,
    () => false,
  );

/** What the path is, by its name and by what headers say. */
export async function kindOf(path: string): Promise<Exclude<Kind, 'dictionary'>> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined && !/[*?[{]/.test(path))
    throw new UnsuperposeError('ERR_FILE', `${path} cannot be read: there is no such file (ENOENT)`);
  if (found?.isDirectory()) {
    const state = await stat(`${path}/state.json`).catch(() => undefined);
    return state === undefined ? 'sae' : 'activations';
  }
  const ending = extname(path).toLowerCase();
  if (found === undefined || ending === '.bin' || ending === '.arrow') return 'activations';
  if (ending === '.npz') {
    const names = (await listArrays(path)).map(({ name }) => name as string);
    if (CODES.every((name) => names.includes(name))) return 'codes';
  }
  if (ending === '.npy') return 'arrays';
  if (ending === '.checkpoint' || (ending !== '.npz' && (await isRun(path)))) return 'run';
  try {
    await SparseAutoencoder.inspect(path);
    return 'sae';
  } catch (error) {
    // What is an autoencoder, but leaves something open, is still one; what is none is a file of arrays.
    if (
      error instanceof UnsuperposeError &&
      /is no autoencoder of a known format|no checkpoint of this package/.test(error.message)
    )
      return 'arrays';
    if (error instanceof UnsuperposeError && error.code === 'ERR_FORMAT' && ending === '.safetensors')
      return 'arrays';
    if (ending === '.safetensors' || ending === '.npz') return 'sae';
    throw error;
  }
}

const arraysText = (path: string, arrays: readonly ArrayInfo[]): string =>
  [
    `${path}: ${plural(arrays.length, 'array')}`,
    ...table(
      ['name', 'type', 'shape'],
      arrays.map(({ name, dtype, shape }) => [name ?? '(the array)', dtype, shape.join(' × ')]),
    ),
  ].join('\n');

async function inspectSae(path: string, context: Context): Promise<Outcome> {
  const { signal, values } = context;
  const options = await loadOptions(values, signal);
  const report = await SparseAutoencoder.inspect(path, { ...options, signal });
  return {
    text: String(report),
    json: { kind: 'sae', ...report },
    async report(): Promise<Page> {
      const sae = await SparseAutoencoder.load(path, { ...options, signal });
      return {
        title: path,
        lead: `A sparse autoencoder of format ${report.format}: ${report.architecture}, ${count(report.features)} features × ${count(report.dims)} dims.`,
        facts: [
          ['format', report.format],
          ['activation', report.activation],
          ['features', count(report.features)],
          ['dims', count(report.dims)],
          ['type', report.dtype],
        ],
        charts: await geometryCharts(sae.dictionary(), signal),
        tables: [
          {
            title: 'What was decided',
            about: 'What the files say, and what was made of it.',
            heading: ['about', 'decided', 'from'],
            lines: report.decisions.map(({ about, decided, from }) => [about, decided, from]),
          },
        ],
        notes: report.warnings,
        command: context.again(),
      };
    },
  };
}

async function inspectCodes(path: string, context: Context): Promise<Outcome> {
  const codes = await SparseCodes.load(path, { signal: context.signal });
  const [samples, features] = codes.shape;
  const { density } = codes.byFeature();
  const active = Uint32Array.from(
    { length: samples },
    (_, i) => (codes.indptr[i + 1] as number) - (codes.indptr[i] as number),
  );
  const mean = samples === 0 ? Number.NaN : codes.indices.length / samples;
  const most = active.reduce((largest, one) => Math.max(largest, one), 0);
  const dead = density.filter((one) => one === 0).length;
  const facts: [string, string][] = [
    ['samples', count(samples)],
    ['features', count(features)],
    ['L0, mean', digits(mean)],
    ['L0, most', count(most)],
    ['features never used', count(dead)],
  ];
  const counts = new Array<number>(most + 1).fill(0);
  for (const one of active) counts[one] = (counts[one] as number) + 1;
  const chart = densityChart(density);
  return {
    text: [`${path}: codes`, ...rows(facts)].join('\n'),
    json: { kind: 'codes', path, samples, features, l0: { mean, maximum: most }, dead, density },
    report: () => ({
      title: path,
      lead: `Codes of ${count(samples)} samples over ${count(features)} features.`,
      facts,
      charts: [l0Chart(counts), ...(chart === undefined ? [] : [chart])],
      command: context.again(),
    }),
  };
}

async function inspectDictionary(path: string, context: Context): Promise<Outcome> {
  const { signal } = context;
  const dictionary = await dictionaryAt(path, signal);
  const { features, dims } = dictionary;
  const [least, largest] = Dictionary.normsOf(dictionary);
  const overlap = features > 1 ? await coherence(dictionary, { signal }) : undefined;
  const bound = welchBound(features, dims);
  const facts: [string, string][] = [
    ['features', count(features)],
    ['dims', count(dims)],
    ['norms', least === largest ? digits(least) : `${digits(least)} to ${digits(largest)}`],
    ...(overlap === undefined
      ? []
      : ([
          [
            'coherence',
            `${digits(overlap.value)}${overlap.pair === undefined ? '' : ` (features ${overlap.pair.join(' and ')})`}`,
          ],
        ] as [string, string][])),
    ['Welch bound', digits(bound)],
  ];
  return {
    text: [`${path}: a dictionary`, ...rows(facts)].join('\n'),
    json: {
      kind: 'dictionary',
      path,
      features,
      dims,
      norms: [least, largest],
      coherence: overlap,
      welchBound: bound,
    },
    report: async () => ({
      title: path,
      lead: `A dictionary of ${count(features)} features in ${count(dims)} dims.`,
      facts,
      charts: await geometryCharts(dictionary, signal),
      command: context.again(),
    }),
  };
}

/** The state of a run that was interrupted. */
async function inspectRun(path: string): Promise<Outcome> {
  const found = runOf(await readSafetensors(path), path);
  if (found === undefined) return broken(path, 'is no checkpoint of learn or train');
  const { kind: learner, options } = found;
  const [figures] = Array.isArray(found.figures) ? found.figures : [found.figures];
  const { steps } = isRecord(figures) ? figures : {};
  return {
    text: [
      `${path}: a run of ${String(learner)}, ${typeof steps === 'number' ? count(steps) : 'some'} steps`,
      ...rows(Object.entries(options).map(([name, value]) => [name, String(value)])),
    ].join('\n'),
    json: { kind: 'run', path, learner, steps, options },
  };
}

async function inspectActivations(paths: readonly string[], { values }: Context): Promise<Outcome> {
  const info = await streamOf(paths, values).inspect();
  const { files, rows: all, cols, dtype } = info;
  const shown = files.slice(0, 20);
  const more = files.length > shown.length ? [`  … ${count(files.length - shown.length)} more`] : [];
  return {
    text: [
      `${count(all)} rows × ${count(cols)} columns of ${dtype} in ${plural(files.length, 'file')}`,
      ...table(
        ['file', 'rows'],
        shown.map(({ path, rows: own }) => [path, count(own)]),
      ),
      ...more,
    ].join('\n'),
    json: { kind: 'activations', ...info },
  };
}

async function run(context: Context): Promise<Outcome> {
  const { paths, values } = context;
  const [first] = paths as [string];
  const { path, name } = await place(first);
  const asked = values.as as Kind | undefined;
  const reading = Object.keys(pick(values, READING)).length > 0;
  const kind =
    asked ??
    (paths.length > 1 || reading ? 'activations' : name !== undefined ? 'dictionary' : await kindOf(path));
  if (paths.length > 1 && kind !== 'activations')
    throw new Misuse(`one path at a time for --as ${kind}, got ${paths.length}`);
  if (kind === 'sae') return inspectSae(path, context);
  if (kind === 'run') return inspectRun(path);
  if (kind === 'codes') return inspectCodes(path, context);
  if (kind === 'activations') return inspectActivations(paths, context);
  if (kind === 'dictionary') return inspectDictionary(first, context);
  const arrays = await listArrays(path);
  const [only] = arrays;
  // A matrix alone may be a dictionary: its geometry costs little to see where somebody asks for pictures.
  if (values.report !== undefined && arrays.length === 1 && only?.shape.length === 2)
    return inspectDictionary(first, context);
  if (values.report !== undefined)
    throw new Misuse(`--report shows one array: name it, as in '${path}#${only?.name ?? 'name'}'`);
  return { text: arraysText(path, arrays), json: { kind: 'arrays', path, arrays } };
}

export const inspect: Command = {
  name: 'inspect',
  paths: '<paths...>',
  about:
    'Say what a path holds: an autoencoder of any tool, codes, a dictionary, or activations in one file or many.',
  reports: true,
  groups: [
    {
      title: 'What it is',
      flags: [
        {
          name: 'as',
          kind: 'choice',
          value: 'kind',
          choices: KINDS,
          about:
            'sae, codes, dictionary, arrays, activations or run (a checkpoint of learn or train); by default told by the files',
        },
        ...LOADING,
        ...PROBING,
      ],
    },
    { title: 'Activations', flags: READING },
  ],
  notes: [
    'For an autoencoder it prints what was decided about it, and from what: format, architecture, scales. What would silently be another autoencoder is refused. A probe (a few hundred activations of the right layer) settles what files leave open.',
    'file#name is one array of several: sae.safetensors#W_dec.',
  ],
  examples: [
    {
      run: 'unsuperpose inspect sae.safetensors --probe activations.npy',
      about: 'What is known of an autoencoder, with its L0 and explained variance on some activations.',
    },
    {
      run: "unsuperpose inspect 'shards/*.npy'",
      about: 'How many rows and columns there are, without reading them.',
    },
    {
      run: 'unsuperpose inspect dictionary.safetensors#dictionary --report geometry.html',
      about: 'How the features of a dictionary overlap, with pictures.',
    },
  ],
  run,
};
