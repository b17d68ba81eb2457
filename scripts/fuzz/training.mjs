// Calls that train sparse autoencoders and unrolled networks, and use the former. See calls.mjs.
import { checkpoint, codes, device, floats, matrix } from './random.mjs';
import { member, problem, stream } from './solving.mjs';

const BY_K = ['topk', 'batchtopk', 'matryoshka', 'matching-pursuit'];

/** Parameters of an autoencoder whose inputs have `dims`. */
function parameters(r, features, dims) {
  const activation = r.pick(['relu', 'topk', 'jumprelu', 'gated', 'matching-pursuit']);
  const pursues = activation === 'matching-pursuit';
  const subtract = r.chance(0.4);
  const inputNorm = r.pick(['none', 'none', 'constant', 'layer']);
  const outputs = subtract || inputNorm !== 'none' || pursues ? dims : r.int(1, 7);
  return {
    activation,
    ...(!pursues && {
      encoder: matrix(r, features, dims, Float32Array),
      encoderBias: floats(r, features),
    }),
    decoder: matrix(r, features, outputs, Float32Array),
    decoderBias: floats(r, outputs),
    ...(subtract && { subtractDecoderBias: true }),
    ...(inputNorm !== 'none' && { inputNorm }),
    ...((activation === 'topk' || pursues) && { k: r.int(1, features) }),
    ...(pursues && r.some({ residual: r.uniform(), stopOnRepeat: r.chance(0.5) })),
    ...(activation === 'jumprelu' && { threshold: floats(r, features).map(Math.abs) }),
    ...(activation === 'gated' && {
      logScale: floats(r, features).map((v) => Math.max(-3, Math.min(3, v))),
      magnitudeBias: floats(r, features),
    }),
    ...(!pursues && r.chance(0.3) && { skip: matrix(r, outputs, dims, Float32Array) }),
  };
}

export const made = (r, pkg) => {
  const [features, dims] = [r.int(1, 12), r.int(1, 7)];
  // Entries of any size, and so a few that are refused for it.
  for (;;)
    try {
      return pkg.SparseAutoencoder.from(parameters(r, features, dims));
    } catch (error) {
      if (!(error instanceof pkg.UnsuperposeError)) throw error;
    }
};
const withSamples = (r, pkg) => {
  const sae = made(r, pkg);
  return [sae, matrix(r, r.int(0, 9), sae.dims)];
};

/** Options of one learner. */
function learner(r, features, transcoder) {
  const architecture = r.pick([
    ...BY_K.filter((one) => !transcoder || one !== 'matching-pursuit'),
    ...['relu', 'jumprelu', 'gated'],
  ]);
  const pursues = architecture === 'matching-pursuit';
  const own = BY_K.includes(architecture)
    ? {
        sparsity: r.int(1, features),
        ...r.some({
          startSparsity: r.int(1, features),
          auxiliary: r.uniform(),
          auxiliaryK: r.int(1, features),
        }),
        ...(architecture === 'matryoshka' && r.some({ prefixes: features > 1 ? [1, features] : [1] })),
      }
    : architecture === 'jumprelu'
      ? {
          ...r.pick([{ lambda: 0.1 + r.uniform() }, { targetL0: features * (0.1 + r.uniform() / 2) }]),
          ...r.some({ bandwidth: 0.01 + r.uniform(), threshold: r.uniform() }),
        }
      : { lambda: 0.05 + r.uniform() };
  return {
    architecture,
    features,
    ...own,
    ...r.some({
      sparsityWarmUp: r.int(0, 9),
      learningRate: 10 ** -r.int(2, 4),
      beta1: r.uniform() * 0.95,
      beta2: 0.9 + r.uniform() * 0.099,
      epsilon: 1e-8,
      clip: r.pick([1, Number.POSITIVE_INFINITY]),
      warmUp: r.int(0, 5),
      decay: r.uniform(),
      deadAfter: r.int(1, 5),
      ...(!pursues && { skip: r.chance(0.5) }),
      seed: r.int(0, 99),
    }),
    ...(!transcoder && !pursues && r.some({ subtractDecoderBias: r.chance(0.5), aligned: r.chance(0.5) })),
  };
}

/** A run: its data, and its options besides the learners'. */
function run(r, features) {
  const [dims, rows] = [r.int(1, 7), r.int(1, 30)];
  const common = {
    ...r.some({ batchSize: r.int(1, 16), seed: r.int(0, 99), device: device(r) }),
    ...(r.chance(0.5) ? { steps: r.int(1, 6) } : { epochs: 1 }),
  };
  if (r.chance(0.25)) {
    const batches = Array.from({ length: r.int(1, 3) }, () => matrix(r, r.int(1, 8), dims, Float32Array));
    return { x: { batches }, transcoder: false, options: { ...common, ...(common.steps && { steps: 1 }) } };
  }
  const transcoder = r.chance(0.3);
  const outputs = transcoder ? r.int(1, 7) : dims;
  const more = {
    ...(transcoder && { targets: matrix(r, rows, outputs) }),
    ...r.some(
      {
        mask: Uint8Array.from({ length: rows }, (_, i) => Number(i === 0 || r.chance(0.7))),
        initial: matrix(r, features, outputs, Float32Array),
        checkpoint: checkpoint(r),
      },
      0.3,
    ),
  };
  // Of so many samples some are left to learn from.
  const holdout = rows >= 12 && !more.mask && r.chance(0.3) ? { holdout: 0.1 } : {};
  return { x: matrix(r, rows, dims), transcoder, options: { ...common, ...more, ...holdout } };
}

const SELECTING = ['lista-cpss', 'tilista', 'alista', 'alista-at'];

/** Of a network: where its samples come from, and what each source has of its own. */
function lessons(r, features, dims, { nonnegative, supervised }) {
  const truth = (rows) => (supervised ? { codes: codes(r, rows, features, { nonnegative }) } : {});
  const validation = r.some({ every: r.int(1, 3), patience: r.pick([2, Number.POSITIVE_INFINITY]) });
  const source = r.pick(['matrix', 'matrix', 'stream', 'prior']);
  if (source === 'prior') {
    const values = r.pick(['normal', 'uniform', 'exponential', 'one']);
    const signed = values !== 'normal' && !nonnegative;
    const more = r.some({ snr: r.pick([20, Number.POSITIVE_INFINITY]) });
    const prior = { density: 0.05 + r.uniform() / 2, values, ...(signed && { randomSigns: r.chance(0.5) }) };
    return { x: { ...prior, ...more }, options: { validation } };
  }
  const some = (most) => {
    const rows = r.int(1, most);
    return { activations: matrix(r, rows, dims), ...truth(rows) };
  };
  if (source === 'stream') {
    const batches = Array.from({ length: r.int(1, 3) }, () => some(8));
    return {
      x: { batches },
      options: { steps: 1, ...r.some({ validation: { ...validation, ...some(5) } }) },
    };
  }
  const { activations, ...own } = some(20);
  const share = r.pick([0, 0.1]);
  return {
    x: activations,
    options: { ...own, ...r.some({ validation: { ...(share > 0 && validation), share } }) },
  };
}

/** [samples, dictionary, options] */
function unrolling(r, pkg) {
  const { dictionary, features, dims } = problem(r, pkg);
  const variant = r.pick(['lista', 'lista-cp', ...SELECTING, 'hyperlista']);
  const descends = variant !== 'hyperlista';
  const [nonnegative, supervised] = [r.chance(0.3), r.chance(0.5)];
  const { x, options } = lessons(r, features, dims, { nonnegative, supervised });
  const schedule = descends && r.chance(0.3) ? 'layerwise' : 'endToEnd';
  const length =
    x.density === undefined && !x.batches && r.chance(0.3) ? { epochs: 1 } : { steps: r.int(1, 5) };
  const made = {
    ...{ variant, layers: r.int(1, 4) },
    ...(nonnegative && { nonnegative }),
    ...(!supervised && { lambda: 0.02 + r.uniform() }),
    ...(SELECTING.includes(variant) && r.some({ selection: r.some({ perLayer: 5, most: 30 }) })),
    ...(descends &&
      r.some({ schedule, learningRate: 10 ** -r.int(2, 4), clip: r.pick([1, Number.POSITIVE_INFINITY]) })),
    ...(descends && r.some({ supervise: r.pick(['last', 'every']), memory: r.pick([0, 2 ** 20]) })),
    ...r.some({
      batchSize: r.int(1, 16),
      ridge: r.pick([0, 1e-6, 0.3, 2, 1e9]),
      seed: r.int(0, 99),
      checkpoint: checkpoint(r),
    }),
    ...length,
    ...options,
  };
  if (descends && made.schedule !== 'layerwise') Object.assign(made, r.some({ decay: r.uniform() }));
  return [x, dictionary, made];
}

const network = (lista) => [lista.parameters(), lista.training];
const shown = (all) => [all].flat().map((sae) => [sae.parameters(), sae.training]);
const data = (x) => {
  const batches = x?.batches; // once: it may be another the next time
  return Array.isArray(batches) ? stream(batches) : x;
};

export const training = {
  trainSparseAutoencoder: {
    kind: 'async',
    weight: 2,
    make(r) {
      const features = r.int(1, 12);
      const { x, transcoder, options } = run(r, features);
      return [x, { ...learner(r, features, transcoder), ...options }];
    },
    call: async (pkg, [x, options]) => shown(await pkg.trainSparseAutoencoder(data(x), options)),
  },
  trainSparseAutoencoders: {
    kind: 'async',
    make(r) {
      const features = r.int(1, 12);
      const { x, transcoder, options } = run(r, features);
      const learners = Array.from({ length: r.int(1, 3) }, () => learner(r, features, transcoder));
      return [x, { learners, ...options }];
    },
    call: async (pkg, [x, options]) => shown(await pkg.trainSparseAutoencoders(data(x), options)),
  },
  trainLista: {
    kind: 'async',
    weight: 2,
    make: unrolling,
    call: async (pkg, [x, dictionary, options]) =>
      network(await pkg.trainLista(data(x), dictionary, options)),
  },
  'SparseAutoencoder.from': {
    kind: 'sync',
    threads: false,
    make: (r) => [parameters(r, r.int(1, 12), r.int(1, 7))],
    call: (pkg, args) => pkg.SparseAutoencoder.from(...args).parameters(),
  },
  'SparseAutoencoder.prototype.encode': {
    kind: 'async',
    make: (r, pkg) => [...withSamples(r, pkg), r.some({ device: device(r) })],
    call: (_, [sae, ...args]) => sae.encode(...args),
    plain: (_, [sae, x]) => sae.encodeSync(x),
    hostile: (pkg, [sae, ...args]) =>
      sae instanceof pkg.SparseAutoencoder ? sae.encode(...args) : undefined,
  },
  'SparseAutoencoder.prototype.encodeSync': {
    kind: 'sync',
    make: (r, pkg) => [...withSamples(r, pkg), r.some({ device: device(r) })],
    call: (_, [sae, ...args]) => sae.encodeSync(...args),
    hostile: (pkg, [sae, ...args]) =>
      sae instanceof pkg.SparseAutoencoder ? sae.encodeSync(...args) : undefined,
  },
  'SparseAutoencoder.prototype.decode': member(
    'SparseAutoencoder',
    (r, pkg) => {
      const [sae, x] = withSamples(r, pkg);
      return [sae, codes(r, x.shape[0], sae.features), x];
    },
    ([sae, ...args]) => sae.decode(...args),
  ),
  'SparseAutoencoder.prototype.dictionary': member(
    'SparseAutoencoder',
    (r, pkg) => [made(r, pkg)],
    ([sae]) => sae.dictionary(),
  ),
  'SparseAutoencoder.prototype.encoder': member(
    'SparseAutoencoder',
    (r, pkg) => [made(r, pkg)],
    ([sae]) => sae.encoder(),
  ),
  'SparseAutoencoder.prototype.parameters': member(
    'SparseAutoencoder',
    (r, pkg) => [made(r, pkg)],
    ([sae]) => sae.parameters(),
  ),
  'SparseAutoencoder.prototype.disposed': member(
    'SparseAutoencoder',
    (r, pkg) => [made(r, pkg)],
    ([sae]) => sae.disposed,
  ),
  'SparseAutoencoder.prototype.dispose': member(
    'SparseAutoencoder',
    (r, pkg) => [made(r, pkg)],
    ([sae]) => [sae.dispose(), sae.dispose(), sae.disposed],
  ),
};
