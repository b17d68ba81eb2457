// Calls that read and write sparse autoencoders, in a folder that goes when the process does. See calls.mjs.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { matrix } from './random.mjs';
import { made } from './training.mjs';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** A safetensors file with random tensors of these shapes. */
function safetensors(r, shapes, metadata) {
  const header = metadata === undefined ? {} : { __metadata__: metadata };
  const parts = [];
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const values = Float32Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () =>
      r.normal(),
    );
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + values.byteLength] };
    parts.push(Buffer.from(values.buffer));
    at += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

/** Checkpoints by format: their files, and options that they need or take. */
const CHECKPOINTS = {
  unsuperpose(r, n, d) {
    const head = { kind: 'sparse autoencoder', version: 1, activation: 'relu', subtractDecoderBias: false };
    const metadata = { unsuperpose: JSON.stringify({ ...head, inputNorm: 'none' }) };
    const shapes = { encoder: [n, d], encoderBias: [n], decoder: [n, d], decoderBias: [d] };
    return { files: { 'sae.safetensors': safetensors(r, shapes, metadata) }, options: {} };
  },
  saelens(r, n, d) {
    const shapes = { W_enc: [d, n], W_dec: [n, d], b_enc: [n], b_dec: [d] };
    const scaled = r.chance(0.5);
    const cfg = {
      ...{ d_in: d, d_sae: n, architecture: 'standard', sae_lens_version: '6.0.0' },
      normalize_activations: scaled ? 'expected_average_only_in' : 'none',
    };
    const files = { 'cfg.json': JSON.stringify(cfg), 'sae_weights.safetensors': safetensors(r, shapes) };
    return { files, options: scaled ? { inputScale: 0.5 + r.uniform() } : {} };
  },
  'circuit-tracer'(r, n, d) {
    const weights = safetensors(r, { W_enc: [n, d], W_dec: [n, d], b_enc: [n], b_dec: [d] });
    const files = { 'config.yaml': 'model_kind: transcoder_set\n', 'layer_3.safetensors': weights };
    return { files, options: r.some({ layer: 3 }) };
  },
};

function loading(r) {
  const format = r.pick(Object.keys(CHECKPOINTS));
  const dims = r.int(2, 5);
  const { files, options } = CHECKPOINTS[format](r, dims + r.int(1, 5), dims);
  const path = join(folder, String(r.int(0, 1e9)));
  mkdirSync(path, { recursive: true });
  // The same random numbers are the same files, which are not written again: a call may be reading them.
  for (const [name, bytes] of Object.entries(files))
    if (!existsSync(join(path, name))) writeFileSync(join(path, name), bytes);
  const activations = matrix(r, 4, dims, Float32Array);
  const probe = { activations, ...(format === 'circuit-tracer' && { targets: activations }) };
  return [path, { ...options, ...r.some({ format, probe }) }];
}

const reading = { kind: 'async', threads: false, progress: false, make: loading };

/** All that lies there, by name. */
const contents = (path) =>
  path.endsWith('.safetensors')
    ? readFileSync(path)
    : readdirSync(path).map((name) => readFileSync(join(path, name)));

export const checkpoints = {
  'SparseAutoencoder.load': {
    ...reading,
    async call(pkg, args) {
      const sae = await pkg.SparseAutoencoder.load(...args);
      return [sae.parameters(), { ...sae.source }];
    },
  },
  'SparseAutoencoder.inspect': {
    ...reading,
    call: async (pkg, args) => ({ ...(await pkg.SparseAutoencoder.inspect(...args)) }),
  },
  'SparseAutoencoder.prototype.save': {
    kind: 'async',
    threads: false,
    progress: false,
    async call(_, [path, sae, options]) {
      await sae.save(path, options);
      return contents(path);
    },
    hostile: (pkg, [path, sae, options]) =>
      sae instanceof pkg.SparseAutoencoder ? sae.save(path, options) : undefined,
    make(r, pkg) {
      const sae = made(r, pkg);
      const path = join(folder, `saved-${r.int(0, 1e9)}`);
      const dtype = r.some({ dtype: r.pick(['float32', 'float64', 'bfloat16']) });
      const { skip, inputNorm, subtractDecoderBias } = sae.parameters();
      const plain = skip === undefined && sae.dims === sae.outputDims;
      const known =
        ['relu', 'jumprelu'].includes(sae.activation) && inputNorm === 'none' && !subtractDecoderBias;
      if ((plain || known) && r.chance(0.5))
        return [path, sae, { format: 'saelens', ...dtype, ...r.some({ metadata: { hook_name: 'h' } }) }];
      return [`${path}.safetensors`, sae, { ...dtype, ...r.some({ format: 'unsuperpose' }) }];
    },
  },
};
