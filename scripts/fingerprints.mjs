// npm run fingerprints -- save FILE | compare FILE: a hash of every bit that a stored set of problems is answered with, for changes
// that must not change an answer. Build before the change, save; build after it, compare. Each instruction set has hashes of
// its own (UNSUPERPOSE_ISA chooses one). They are not promised between compilers, so no test asks for them.
//   --package FOLDER   the built package to ask, this one by default
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { package: { type: 'string' } },
});
const [action, file] = positionals;
if (!['save', 'compare'].includes(action ?? '') || file === undefined) {
  console.error('usage: npm run fingerprints -- save FILE | compare FILE [--package FOLDER]');
  process.exit(2);
}
const folder = resolve(values.package ?? fileURLToPath(new URL('..', import.meta.url)));
const pkg = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
const { Dictionary, SparseCodes, claims, geometry, ops, toy } = pkg;

// ---- problems: xorshift32 and a sum of uniforms, so that no bit depends on a platform's functions

/** @param {number} seed */
function random(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) next();
  const normal = () => next() + next() + next() + next() + next() + next() - 3;
  return { uniform: next, normal, below: (n) => Math.floor(next() * n) };
}

const matrix = (rows, cols, entry) => {
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) for (let k = 0; k < cols; k++) data[i * cols + k] = entry(i, k);
  return { data, shape: [rows, cols] };
};

function unitRows({ data, shape: [rows, cols] }) {
  for (let i = 0; i < rows; i++) {
    let square = 0;
    for (let k = 0; k < cols; k++) square += data[i * cols + k] ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 1;
    for (let k = 0; k < cols; k++) data[i * cols + k] *= scale;
  }
  return { data, shape: [rows, cols] };
}

/** Sparse mixtures of atoms with noise. */
function mixtures(r, atoms, rows, active, nonnegative = false) {
  const [features, dims] = atoms.shape;
  const out = matrix(rows, dims, () => 0.05 * r.normal());
  for (let i = 0; i < rows; i++)
    for (let a = 0; a < active; a++) {
      const j = r.below(features);
      const value = (0.5 + r.uniform()) * (nonnegative || r.uniform() < 0.5 ? 1 : -1);
      for (let k = 0; k < dims; k++) out.data[i * dims + k] += value * atoms.data[j * dims + k];
    }
  return out;
}

const scaled = ({ data, shape }, factor) => ({ data: data.map((v, at) => v * factor(at)), shape });

function problem(name, seed, features, dims, rows, { active = 4, kind = 'gaussian' } = {}) {
  const r = random(seed);
  let atoms = unitRows(matrix(features, dims, () => r.normal()));
  if (kind === 'coherent') {
    const centres = atoms;
    atoms = unitRows(
      matrix(
        features,
        dims,
        (j, k) => centres.data[(j % Math.ceil(features / 8)) * dims + k] + 0.12 * r.normal(),
      ),
    );
  }
  if (kind === 'duplicates')
    for (let j = Math.ceil(features / 2); j < features; j++)
      for (let k = 0; k < dims; k++)
        atoms.data[j * dims + k] =
          (j % 3 === 0 ? -1 : 1) * atoms.data[(j - Math.ceil(features / 2)) * dims + k];
  if (kind === 'sizes') atoms = scaled(atoms, (at) => 2 ** (((Math.floor(at / dims) * 7) % 19) - 9));
  let samples = mixtures(r, atoms, rows, active);
  if (kind === 'heavy') samples = scaled(samples, (at) => (at % 97 === 0 ? 300 : 1));
  if (kind === 'tiny') samples = scaled(samples, () => 1e-30);
  if (kind === 'zero') samples = scaled(samples, (at) => (Math.floor(at / dims) % 3 === 0 ? 0 : 1));
  return { name, atoms, samples, features, dims, rows };
}

const PROBLEMS = [
  problem('gaussian', 1, 300, 48, 70),
  problem('coherent', 2, 256, 40, 40, { kind: 'coherent' }),
  problem('duplicates', 3, 120, 32, 25, { kind: 'duplicates' }),
  problem('sizes', 4, 150, 33, 30, { kind: 'sizes' }),
  problem('heavy', 5, 200, 37, 30, { kind: 'heavy' }),
  problem('tiny', 6, 90, 20, 15, { kind: 'tiny' }),
  problem('zero', 7, 90, 20, 15, { kind: 'zero' }),
  problem('narrow', 8, 40, 3, 21, { active: 1 }),
  problem('one', 9, 1, 5, 4, { active: 1 }),
  problem('tall', 10, 20, 64, 20),
  problem('wide', 11, 2100, 128, 530, { active: 6 }),
  problem('deep', 12, 700, 600, 40, { active: 10 }),
];

// ---- hashing

function feed(hash, value) {
  if (ArrayBuffer.isView(value)) {
    hash.update(`${value.constructor.name}${value.length}:`);
    hash.update(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  } else if (typeof value === 'number') {
    hash.update(Buffer.from(Float64Array.of(value).buffer));
  } else if (Array.isArray(value)) {
    hash.update(`[${value.length}`);
    for (const one of value) feed(hash, one);
  } else if (Dictionary.is?.(value) ?? value instanceof Dictionary) {
    feed(hash, value.toMatrix());
  } else if (value instanceof SparseCodes) {
    feed(hash, [value.indptr, value.indices, value.values, [...value.shape]]);
  } else if (typeof value === 'object' && value !== null) {
    for (const key of Object.keys(value).sort())
      if (!['isa', 'seconds', 'version', 'created'].includes(key)) {
        hash.update(`.${key}`);
        feed(hash, value[key]);
      }
  } else {
    hash.update(String(value));
  }
}

const found = {};
async function note(name, call) {
  const hash = createHash('sha256');
  try {
    feed(hash, await call());
    found[name] = hash.digest('hex').slice(0, 16);
  } catch (error) {
    found[name] = `${error.code ?? error.name}: ${error.message}`;
  }
}

async function all(iterable) {
  const steps = [];
  for await (const step of iterable) steps.push(step);
  return steps;
}

// ---- what is asked

for (const { name, atoms, samples, features, dims, rows } of PROBLEMS) {
  const big = rows * features > 200_000;
  const r = random(100 + features);
  const dictionary = Dictionary.from(atoms);
  const ask = (what, call) => note(`${name} ${what}`, call);
  const solve = (what, options) => ask(what, () => pkg.unfoldSync(samples, dictionary, options));
  const lambdaMax = pkg.lambdaMax(samples, dictionary);
  const lambda = (share) => Array.from(lambdaMax, (most) => (most > 0 ? share * most : 1));
  const weights = Float32Array.from({ length: features }, () => 0.25 + 2 * r.uniform());
  const extreme = Float32Array.from({ length: features }, () => 2 ** (r.below(30) - 15));

  for (const nonnegative of [false, true]) {
    const tag = nonnegative ? '+' : '';
    await ask(`lambdaMax${tag}`, () => pkg.lambdaMax(samples, dictionary, { nonnegative }));
    await ask(`lambdaMax weights${tag}`, () => pkg.lambdaMax(samples, dictionary, { nonnegative, weights }));
    await ask(`lambdaMax extreme${tag}`, () =>
      pkg.lambdaMax(samples, dictionary, { nonnegative, weights: extreme }),
    );
    for (const share of [0.5, 0.1, 0.02]) {
      const l = { lambda: lambda(share), nonnegative };
      await solve(`lasso ${share}${tag}`, l);
      await solve(`lasso 1e-6 ${share}${tag}`, { ...l, tolerance: 1e-6 });
      await solve(`lasso weights ridge ${share}${tag}`, { ...l, weights, ridge: 0.03 });
      if (big && share < 0.1) continue;
      if (!big) await solve(`lasso extreme ${share}${tag}`, { ...l, weights: extreme, tolerance: 1e-5 });
      await solve(`lasso float64 ${share}${tag}`, { ...l, precision: 'float64' });
      await solve(`homotopy ${share}${tag}`, { ...l, method: 'homotopy' });
      await solve(`homotopy weights ridge float64 ${share}${tag}`, {
        ...l,
        method: 'homotopy',
        weights,
        ridge: 0.03,
        precision: 'float64',
      });
      await solve(`reweighted ${share}${tag}`, { ...l, method: 'reweighted' });
      await solve(`amp ${share}${tag}`, { ...l, method: 'amp' });
      const { codes } = pkg.unfoldSync(samples, dictionary, { ...l, tolerance: 1e-7 });
      await solve(`lasso warm ${share}${tag}`, { ...l, warmStart: codes, tolerance: 1e-6 });
      await ask(`certify ${share}${tag}`, () => pkg.certifySync(samples, codes, dictionary, l));
      await ask(`certify weights ridge ${share}${tag}`, () =>
        pkg.certifySync(samples, codes, dictionary, { ...l, weights, ridge: 0.1 }),
      );
      await ask(`certify extreme ${share}${tag}`, () =>
        pkg.certifySync(samples, codes, dictionary, { ...l, weights: extreme }),
      );
      await ask(`fold ${share}${tag}`, () => pkg.fold(codes, dictionary));
      await ask(`recoverability ${share}${tag}`, () =>
        geometry.recoverability(dictionary, codes, { nonnegative }),
      );
      if (big) continue;
      await solve(`fista ${share}${tag}`, { ...l, method: 'fista', maxIterations: 300 });
      await solve(`ista weights ridge ${share}${tag}`, {
        ...l,
        method: 'ista',
        weights,
        ridge: 0.03,
        maxIterations: 100,
      });
    }
    for (const sparsity of [1, Math.min(5, dims, features)]) {
      await solve(`omp ${sparsity}${tag}`, { method: 'omp', sparsity, nonnegative });
      await solve(`omp no gram ${sparsity}${tag}`, { method: 'omp', sparsity, nonnegative, gramBudget: 0 });
      if (big) continue;
      for (const method of ['mp', 'gradient-pursuit', 'iht', 'htp', 'cosamp'])
        await solve(`${method} ${sparsity}${tag}`, { method, sparsity, nonnegative });
    }
    await solve(`omp residual${tag}`, { method: 'omp', residual: 0.4, nonnegative });
    await solve(`bpdn${tag}`, { method: 'bpdn', epsilon: 0.3, nonnegative });
    await solve(`amp threshold${tag}`, { method: 'amp', thresholdFactor: 1.5, nonnegative });
    await ask(`coverage${tag}`, () =>
      claims.coverage(samples, dictionary, {
        calibration: samples,
        lambda: 0.2,
        falseAlarmRate: 0.3,
        nonnegative,
      }),
    );
  }
  await ask('path', () => all(pkg.unfoldPath(samples, dictionary, { count: 5, ratio: 0.1 })));
  if (!big)
    await ask('knots', () =>
      all(pkg.unfoldPath(samples, dictionary, { method: 'homotopy', knots: true, lambda: 0.3 })),
    );
  await ask('correlate', () => ops.correlate(samples, dictionary));
  await ask('topK', () => ops.topK(samples, dictionary, Math.min(7, features)));
  await ask('topK absolute', () => ops.topK(samples, dictionary, Math.min(33, features), { absolute: true }));
  await ask('above', () => ops.above(samples, dictionary, 0.3));
  await ask('maximum', () => ops.maximum(samples, dictionary));
  await ask('gram', () => ops.gram(dictionary));
  await ask('spectralNorm', () => ops.spectralNorm(dictionary));
  await ask('softThreshold', () => ops.softThreshold(samples.data, 0.2));
  for (const precision of ['float32', 'bfloat16', 'int16', 'int8'])
    await ask(`estimate ${precision}`, () => ops.estimate(samples, dictionary, { precision }));
  await ask('coherence', () => geometry.coherence(dictionary));
  if (features > 1) await ask('babel', () => geometry.babel(dictionary, Math.min(9, features - 1)));
  await ask('clusters', () => geometry.clusters(dictionary, 0.5));
  await ask('featureDimensionality', () => geometry.featureDimensionality(dictionary));
  if (!big) await ask('matchFeatures', () => geometry.matchFeatures(samples, dictionary));
  const weight = matrix(dims, dims, () => r.normal());
  const maps = [
    ['identity', unitRows(matrix(dims, dims, (i, k) => (i === k ? 1 : 0)))],
    ['weight', weight],
  ];
  for (const [kind, map] of maps) {
    const pairs = claims.virtualWeights(dictionary, map, dictionary, { fromScale: weights });
    await ask(`pairs maximum ${kind}`, () => pairs.maximum());
    await ask(`pairs strongest ${kind}`, () => pairs.strongest(50));
    await ask(`pairs maxima from ${kind}`, () => pairs.maxima('from'));
    await ask(`pairs maxima to ${kind}`, () => pairs.maxima('to'));
    await ask(`pairs histogram ${kind}`, () => pairs.histogram({ bins: 100 }));
    await ask(`pairs above ${kind}`, async () => pairs.above(Math.abs((await pairs.maximum()).value) * 0.7));
  }
  if (!big) {
    await ask('noCircuit', () => claims.noCircuit(dictionary, [weight, dictionary, weight], dictionary, 1));
    const { codes } = pkg.unfoldSync(samples, dictionary, { lambda: lambda(0.1) });
    const predicate = claims.or(
      claims.and(
        claims.norm({ above: 0.9 }),
        claims.alignment({ direction: Array.from(weight.data.subarray(0, dims)), above: 0.1 }),
      ),
      claims.density({ above: 0.02 }),
      claims.maximumActivation({ above: 1 }),
      claims.connection({ to: 'other', weight: 'w', above: 0.5 }),
    );
    await ask('featuresWhere', () =>
      claims.featuresWhere(predicate, { dictionary, codes, other: dictionary, w: weight }),
    );
  }
  if (features > 1 && rows > features / 8) {
    const options = { features: Math.min(24, rows), lambda: 0.2, batchSize: 16, seed: 3 };
    await ask('learn', () => pkg.learnDictionary(samples, { ...options, steps: big ? 20 : 60 }));
    await ask('learn nonnegative', () =>
      pkg.learnDictionary(samples, { ...options, steps: 30, nonnegative: true, forgetting: 0.9 }),
    );
    await ask('learn stream', () => {
      const stream = (async function* () {
        for (let i = 0; i < 12; i++) yield samples;
      })();
      return pkg.learnDictionary(stream, options);
    });
  }
}

for (const density of [1, 0.1, 0.01]) {
  const features = { features: 30, density };
  await note(`toy sample ${density}`, () => toy.sampleFeatures({ ...features, samples: 300, seed: 5 }));
  const training = {
    ...features,
    dims: 7,
    instances: [{}, { density: density / 2 }],
    batchSize: 100,
    steps: 200,
    seed: 4,
  };
  await note(`toy train ${density}`, async () => {
    const model = await toy.trainToyModel(training);
    return Object.fromEntries(Object.entries(model).filter(([, value]) => typeof value !== 'function'));
  });
}

// ---- save or compare

const isa = pkg.info().isa;
const path = resolve(file.replace('{isa}', isa));
if (action === 'save') {
  writeFileSync(path, `${JSON.stringify({ isa, hashes: found }, null, 1)}\n`);
  const refused = Object.values(found).filter((value) => value.includes(':'));
  console.log(`${isa}: ${Object.keys(found).length} answers hashed, ${refused.length} of them errors`);
  for (const text of new Set(refused)) console.log(`  ${text}`);
} else {
  const before = JSON.parse(readFileSync(path, 'utf8'));
  if (before.isa !== isa) throw new Error(`${path} is of level ${before.isa}, this is ${isa}`);
  const names = Object.keys({ ...before.hashes, ...found });
  const changed = names.filter((key) => before.hashes[key] !== found[key]);
  for (const key of changed) console.log(`  ${key}: ${before.hashes[key]} → ${found[key]}`);
  console.log(`${isa}: ${names.length} answers, ${changed.length} differ`);
  if (changed.length > 0) process.exitCode = 1;
}
