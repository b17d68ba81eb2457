// What commands write and print, against the library and against what is known of the data.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import {
  Dictionary,
  files,
  learnDictionary,
  SparseAutoencoder,
  SparseCodes,
  trainSparseAutoencoder,
  unfoldSync,
} from '../../lib/index.js';
import { npy, numbers } from '../files/fixtures.js';
import { DIMS, type Ran, run, withActivations } from './cli.js';

const place = withActivations();
const at = (name: string): string => join(place, name);

function json(...words: readonly string[]): Record<string, never> {
  const ran: Ran = run(place, ...words, '--json', '--quiet');
  expect([ran.status, ran.err]).toEqual([0, '']);
  expect(ran.out.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(ran.out);
}

let activations: Awaited<ReturnType<typeof files.readMatrix>>;
beforeAll(async () => {
  activations = await files.readMatrix(at('activations.npy'));
});

it('learn writes the dictionary that the library learns, from memory and from a stream', async () => {
  const said = json(
    'learn',
    'activations.npy',
    '--features',
    '24',
    '--lambda',
    '0.2',
    '--steps',
    '20',
    '--seed',
    '3',
    '--nonnegative',
    '--out',
    'dictionary.npy',
  );
  const options = { features: 24, lambda: 0.2, seed: 3, nonnegative: true };
  const own = await learnDictionary(activations, { ...options, steps: 20 });
  expect((await Dictionary.load(at('dictionary.npy'))).toMatrix()).toEqual(own.dictionary.toMatrix());
  expect(said).toMatchObject({
    features: 24,
    dims: DIMS,
    steps: 20,
    l0: own.l0,
    explainedVariance: own.explainedVariance,
    usage: [...own.usage],
  });
  json(
    'learn',
    'shards/*.npy',
    '--stream',
    '--features',
    '24',
    '--lambda',
    '0.2',
    '--seed',
    '3',
    '--nonnegative',
    '--batch-size',
    '64',
    '--epochs',
    '2',
    '--out',
    's.npz',
    '--out-name',
    'D',
  );
  const stream = files.readMatrices(at('shards/*.npy'), { batch: 64, shuffle: { seed: 3 } });
  const streamed = await learnDictionary(stream, { ...options, batchSize: 64, epochs: 2 });
  expect((await Dictionary.load(at('s.npz'), { name: 'D' })).toMatrix()).toEqual(
    streamed.dictionary.toMatrix(),
  );
});

it('train takes a matching pursuit, and tells what it makes of samples that are held out', async () => {
  const said = json(
    'train',
    'activations.npy',
    ...['--architecture', 'matching-pursuit', '--features', '24', '--sparsity', '3'],
    ...['--steps', '10', '--holdout', '0.2', '--out', 'held.safetensors'],
  );
  const own = await trainSparseAutoencoder(activations, {
    ...{ architecture: 'matching-pursuit', features: 24, sparsity: 3, steps: 10, holdout: 0.2 },
  });
  const loaded = await SparseAutoencoder.load(at('held.safetensors'));
  expect(loaded.parameters()).toEqual(own.parameters());
  expect(own.training?.heldOut?.samples).toBeGreaterThan(0);
  expect(said).toMatchObject({ heldOut: own.training?.heldOut });
});

it('train writes the autoencoder that the library trains; a transcoder with a mask, too', async () => {
  const said = json(
    'train',
    'activations.npy',
    '--architecture',
    'topk',
    '--features',
    '24',
    '--sparsity',
    '3',
    '--steps',
    '30',
    '--learning-rate',
    '1e-3',
    '--no-subtract-decoder-bias',
    '--out',
    'sae.safetensors',
  );
  const options = { architecture: 'topk', features: 24, sparsity: 3 } as const;
  const own = await trainSparseAutoencoder(activations, {
    ...options,
    steps: 30,
    learningRate: 1e-3,
    subtractDecoderBias: false,
  });
  expect((await SparseAutoencoder.load(at('sae.safetensors'))).parameters()).toEqual(own.parameters());
  expect(said).toMatchObject({
    architecture: 'topk',
    steps: 30,
    l0: 3,
    explainedVariance: own.training?.explainedVariance,
  });

  const mask = Uint8Array.from({ length: 600 }, (_, i) => Number(i % 3 > 0));
  writeFileSync(at('mask.npy'), npy('<f4', '(600, 1)', numbers('f4', Array.from(mask))));
  const targets = {
    data: (activations.data as Float32Array).map((value, i) => (i % 2 === 0 ? value : -value)),
    shape: [600, DIMS] as const,
  };
  await files.writeMatrix(at('targets.npy'), targets);
  for (const way of ['--stream', '--no-stream']) {
    json(
      'train',
      'activations.npy',
      '--targets',
      'targets.npy',
      '--mask',
      'mask.npy',
      '--architecture',
      'relu',
      '--features',
      '24',
      '--lambda',
      '0.1',
      '--steps',
      '5',
      '--batch-size',
      '600',
      '--out',
      't.safetensors',
      way,
    );
    const batch = { activations, targets, mask };
    const same = await (way === '--stream'
      ? trainSparseAutoencoder(() => [batch], {
          architecture: 'relu',
          features: 24,
          lambda: 0.1,
          steps: 5,
          batchSize: 600,
        })
      : trainSparseAutoencoder(activations, {
          architecture: 'relu',
          features: 24,
          lambda: 0.1,
          steps: 5,
          batchSize: 600,
          targets,
          mask,
        }));
    expect((await SparseAutoencoder.load(at('t.safetensors'))).parameters()).toEqual(same.parameters());
  }
});

it('unfold and encode write the codes that the library finds, whatever the batches', async () => {
  const dictionary = await Dictionary.load(at('dictionary.npy'));
  const whole = unfoldSync(activations, dictionary, { lambda: 0.2, nonnegative: true });
  const said = json(
    'unfold',
    'activations.npy',
    '--dictionary',
    'dictionary.npy',
    '--lambda',
    '0.2',
    '--nonnegative',
    '--batch',
    '70',
    '--out',
    'codes.npz',
  );
  expect(await SparseCodes.load(at('codes.npz'))).toEqual(whole.codes);
  const { worstGap, explainedVariance, l0 } = whole.summary();
  expect(said).toMatchObject({
    samples: 600,
    worstGap: worstGap.gap,
    l0: { mean: l0.mean, maximum: l0.maximum },
    unfinished: {},
  });
  expect(said.explainedVariance).toBeCloseTo(explainedVariance, 6);
  expect(said.density).toEqual([...whole.codes.byFeature().density]);
  const sae = await SparseAutoencoder.load(at('sae.safetensors'));
  json('encode', 'activations.npy', '--sae', 'sae.safetensors', '--batch', '70', '--out', 'encoded.npz');
  expect(await SparseCodes.load(at('encoded.npz'))).toEqual(sae.encodeSync(activations));
  const wide = json(
    'unfold',
    'activations.npy',
    '--dictionary',
    'dictionary.npy',
    '--lambda',
    '0.2',
    '--precision',
    'float64',
    '--tolerance',
    '1e-10',
    '--out',
    'wide.npz',
  );
  expect(wide.worstGap).toBeLessThan(1e-10);
  expect((await SparseCodes.load(at('wide.npz'))).values).toBeInstanceOf(Float64Array);
});

it('--for-l0 finds the λ that gives so many active features, and says it', () => {
  const words = ['--dictionary', 'dictionary.npy', '--for-l0', '3', '--out', 'l0.npz', '--json', '--quiet'];
  const { out, err } = run(place, 'unfold', 'activations.npy', ...words);
  const { l0, options } = JSON.parse(out);
  expect(l0.mean).toBeCloseTo(3, 1);
  expect(err).toMatch(
    new RegExp(`^--lambda ${options.lambda} gives 3\\.?\\d* active features a sample on the first 600\\n$`),
  );
});

it('evaluate has every figure beside its baseline; truth and codes that are there already count', () => {
  const said = json(
    'evaluate',
    'activations.npy',
    '--dictionary',
    'dictionary.npy',
    '--codes',
    'codes.npz',
    '--truth',
    'dictionary.npy',
    '--truth-codes',
    'codes.npz',
    '--seeds',
    'dictionary.npy',
  ) as unknown as Record<string, Record<string, { value: number; baseline: number }>>;
  expect(said.recovery?.mcc?.value).toBeCloseTo(1, 6);
  expect(said.recovery?.f1?.value).toBeCloseTo(1, 6);
  expect(said.recovery?.f1?.baseline).toBeLessThan(0.9);
  expect(said.stability?.shared?.value).toBe(1);
  const { out } = run(place, 'evaluate', 'activations.npy', '--sae', 'sae.safetensors');
  expect(out).toMatch(
    /^Evaluation 600 samples × 16 dims, 24 features\n +features +baseline\n +explained variance /,
  );
});

it('inspect tells what things are', () => {
  const kind = (...words: string[]): unknown => json('inspect', ...words).kind;
  expect(kind('sae.safetensors')).toBe('sae');
  expect(kind('codes.npz')).toBe('codes');
  expect(kind('dictionary.npy')).toBe('arrays');
  expect(kind('dictionary.npy', '--as', 'dictionary')).toBe('dictionary');
  expect(kind('s.npz#D')).toBe('dictionary');
  expect(json('inspect', 'shards/*.npy', '--columns', '0-3')).toMatchObject({
    kind: 'activations',
    rows: 600,
    cols: 4,
  });
  const { out } = run(place, 'inspect', 'sae.safetensors', '--probe', 'activations.npy');
  expect(out).toMatch(/probe +600 samples: L0 3, explained variance 0\.\d+/);
});

it('convert changes files, not what they hold', async () => {
  json('convert', 'activations.npy', 'a.safetensors', '--out-dtype', 'float64', '--out-name', 'layer');
  expect((await files.readMatrix(at('a.safetensors'), { name: 'layer' })).data).toEqual(
    Float64Array.from(activations.data as Float32Array),
  );
  json('convert', 'a.safetensors#layer', 'b.bin', '--columns', '2,0', '--out-dtype', 'float32');
  expect(readFileSync(at('b.bin')).readFloatLE(4)).toBe(activations.data[0]);
  json(
    'convert',
    'sae.safetensors',
    'sl',
    '--out-format',
    'saelens',
    '--metadata',
    'model_name=m',
    'hook_name=h',
  );
  expect(JSON.parse(readFileSync(at('sl/cfg.json'), 'utf8')).metadata).toMatchObject({
    model_name: 'm',
    hook_name: 'h',
  });
  json('convert', 'sl', 'back.safetensors');
  expect((await SparseAutoencoder.load(at('back.safetensors'))).parameters().encoder).toEqual(
    (await SparseAutoencoder.load(at('sae.safetensors'))).parameters().encoder,
  );
  expect(json('convert', 'codes.npz', '0_23.safetensors', '--positions', '6')).toMatchObject({
    kind: 'codes',
    samples: 600,
  });
});

it('a claim that holds is status 0, one that does not 3; verify finds both valid, and a changed one not', () => {
  const make = (epsilon: string, out: string): Ran =>
    run(
      place,
      'claims',
      'pairs',
      '--from',
      'dictionary.npy',
      '--to',
      'sae.safetensors#decoder',
      '--epsilon',
      epsilon,
      '--out',
      out,
    );
  expect(make('1.01', 'holds.json').status).toBe(0);
  const broken = make('0.2', 'fails.json');
  expect(broken.status).toBe(3);
  expect(broken.out).toMatch(/the claim +does not hold/);
  const check = (claim: string, ...more: string[]): Ran =>
    run(place, 'claims', 'verify', claim, 'from=dictionary.npy', 'to=sae.safetensors#decoder', ...more);
  expect(check('holds.json').status).toBe(0);
  expect(check('fails.json').status).toBe(0); // it says itself that it does not hold
  const claim = JSON.parse(readFileSync(at('fails.json'), 'utf8'));
  writeFileSync(at('lies.json'), JSON.stringify({ ...claim, result: { ...claim.result, holds: true } }));
  const lies = check('lies.json');
  expect(lies.status).toBe(3);
  expect(lies.out).toContain('not valid:\n  holds is true, which does not follow from the bound');
  expect(run(place, 'claims', 'verify', 'holds.json', 'from=dictionary.npy').err).toContain(
    'the claim is about from, to: to=FILE missing',
  );
});

it('coverage flags few ordinary samples, and many that have a direction more', async () => {
  // Learned well enough that ordinary samples are explained.
  json(
    'learn',
    'activations.npy',
    '--features',
    '32',
    '--lambda',
    '0.05',
    '--epochs',
    '60',
    '--out',
    'good.npy',
  );
  const cover = (file: string) =>
    json(
      'claims',
      'coverage',
      file,
      '--calibration',
      'activations.npy',
      '--dictionary',
      'good.npy',
      '--lambda',
      '0.2',
    ) as unknown as { flaggedSamples: number };
  const { data } = await files.readMatrix(at('other.npy'));
  const strange = (data as Float32Array).map((value, i) => value + 4 * Math.sin(1 + (i % DIMS) ** 2));
  await files.writeMatrix(at('strange.npy'), { data: strange, shape: [300, DIMS] });
  const few = cover('other.npy').flaggedSamples;
  const many = cover('strange.npy').flaggedSamples;
  expect(few).toBeLessThan(45);
  expect(many).toBeGreaterThan(3 * few);
});

it('info as JSON is what info() says', () => {
  expect(json('info')).toMatchObject({ version: '0.1.0', threads: expect.any(Number) });
});
