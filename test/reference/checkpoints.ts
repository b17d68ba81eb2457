// What checkpoints of other programs compute, each by that program's own definition: dense, in float64, one sample after the other, on tensors
// as they lie in the files. Nothing of lib/ is used.
export interface Tensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
export type TensorMap = Readonly<Record<string, Tensor>>;

type Vector = readonly number[];
export interface Forward {
  readonly codes: Vector;
  readonly output: Vector;
}

const vec = (tensors: TensorMap, name: string): Vector => (tensors[name] as Tensor).values;
const add = (a: Vector, b: Vector): number[] => a.map((v, i) => v + (b[i] as number));
const sub = (a: Vector, b: Vector): number[] => a.map((v, i) => v - (b[i] as number));
const relu = (a: Vector): number[] => a.map((v) => Math.max(v, 0));
const norm = (a: Vector): number => Math.sqrt(a.reduce((sum, v) => sum + v * v, 0));

/** x·A for A [rows, cols]. */
export function times(x: Vector, a: Tensor | undefined): number[] {
  const { shape, values } = a as Tensor;
  const [rows = 0, cols = 0] = shape;
  return Array.from({ length: cols }, (_, c) => {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += (x[r] as number) * (values[r * cols + c] as number);
    return sum;
  });
}

/** Aᵀ. */
export function transposed({ shape, values }: Tensor): Tensor {
  const [rows = 0, cols = 0] = shape;
  const out = Array.from(
    { length: rows * cols },
    (_, i) => values[(i % rows) * cols + Math.floor(i / rows)] as number,
  );
  return { shape: [cols, rows], values: out };
}
/** x·Aᵀ. */
const timesT = (x: Vector, a: Tensor | undefined): number[] => times(x, transposed(a as Tensor));

/** The k largest, others 0. */
function topk(values: Vector, k: number): number[] {
  const least = [...values].sort((a, b) => b - a)[k - 1] as number;
  return values.map((v) => (v >= least ? v : 0));
}
const jump = (h: Vector, theta: Vector): number[] =>
  h.map((v, j) => (v > (theta[j] as number) ? Math.max(v, 0) : 0));

const rowNorms = ({ shape: [rows = 0, cols = 0], values }: Tensor): number[] =>
  Array.from({ length: rows }, (_, j) => norm(values.slice(j * cols, (j + 1) * cols)));

/** SAELens: `scale` is by what the caller multiplies inputs where they are normalised by their expected average. */
/** The encoder of a matching_pursuit: relu(r·d) of the strongest row, until the support stays, the residual is small, or enough were taken. */
function matchingPursuit(
  cfg: Readonly<Record<string, unknown>>,
  { shape, values }: Tensor,
  x: Vector,
): Vector {
  const [features, dims] = shape as [number, number];
  const row = (j: number): Vector => values.slice(j * dims, (j + 1) * dims);
  const threshold = (cfg.residual_threshold as number | undefined) ?? 1e-2;
  const a = Array<number>(features).fill(0);
  let left = x;
  for (let step = 0; step < ((cfg.max_iterations as number | null | undefined) ?? dims); step++) {
    const products = a.map((_, j) =>
      Math.max(
        0,
        row(j).reduce((sum, v, d) => sum + v * (left[d] as number), 0),
      ),
    );
    const value = Math.max(...products);
    const j = products.indexOf(value);
    const support = a.map((v) => v !== 0).join();
    a[j] = (a[j] as number) + value;
    left = sub(
      left,
      row(j).map((v) => v * value),
    );
    if (cfg.stop_on_duplicate_support === true && support === a.map((v) => v !== 0).join()) break;
    if (threshold > 0 && norm(left) < threshold) break;
  }
  return a;
}

export function saelens(cfg: Readonly<Record<string, unknown>>, t: TensorMap, x: Vector, scale = 1): Forward {
  const given = x.map((v) => v * scale);
  const n = given.length;
  const how = cfg.normalize_activations;
  const mean = given.reduce((sum, v) => sum + v, 0) / n;
  const deviation = norm(given.map((v) => v - mean)) / Math.sqrt(n - 1);
  const size = norm(given);
  let inner: Vector = given;
  if (how === 'layer_norm') inner = given.map((v) => (v - mean) / (deviation + 1e-5));
  if (how === 'constant_norm_rescale') inner = given.map((v) => (v * Math.sqrt(n)) / size);
  if (cfg.apply_b_dec_to_input ?? !String(cfg.architecture).includes('transcoder'))
    inner = sub(inner, vec(t, 'b_dec'));
  let codes: Vector;
  let kind = cfg.architecture ?? 'standard';
  if (kind === 'matching_pursuit') {
    const bias = (cfg.apply_b_dec_to_input ?? true) ? vec(t, 'b_dec') : given.map(() => 0);
    codes = matchingPursuit(cfg, t.W_dec as Tensor, inner);
    let made: Vector = add(times(codes, t.W_dec), bias);
    if (how === 'layer_norm') made = made.map((v) => v * deviation + mean);
    if (how === 'constant_norm_rescale') made = made.map((v) => (v * size) / Math.sqrt(n));
    return { codes, output: made };
  }
  const products = times(inner, t.W_enc);
  if ((cfg.activation_fn_str ?? cfg.activation_fn) === 'topk') kind = 'topk';
  const rescale = cfg.rescale_acts_by_decoder_norm === true;
  const norms = rowNorms(t.W_dec as Tensor).map((v) => (rescale ? v : 1));
  if (kind === 'gated') {
    const gate = add(products, vec(t, 'b_gate'));
    const size = add(
      products.map((v, j) => v * Math.exp(vec(t, 'r_mag')[j] as number)),
      vec(t, 'b_mag'),
    );
    codes = relu(size).map((v, j) => ((gate[j] as number) > 0 ? v : 0));
  } else {
    const h = add(products, vec(t, 'b_enc')).map((v, j) => v * (norms[j] as number));
    const k = (cfg.k ?? (cfg.activation_fn_kwargs as { k?: number } | undefined)?.k) as number;
    if (kind === 'topk') codes = relu(topk(h, k));
    else if (kind === 'batchtopk' || kind === 'matryoshka_batchtopk')
      codes = jump(
        h,
        h.map(() => vec(t, 'topk_threshold')[0] as number),
      );
    else if (String(kind).startsWith('jumprelu'))
      codes = jump(
        h,
        t.threshold === undefined ? vec(t, 'log_threshold').map(Math.exp) : vec(t, 'threshold'),
      );
    else codes = relu(h);
  }
  const factors = cfg.finetuning_scaling_factor === true ? vec(t, 'scaling_factor') : codes.map(() => 1);
  const sizes = codes.map((v, j) => (v / (norms[j] as number)) * (factors[j] as number));
  let output: Vector = add(times(sizes, t.W_dec), vec(t, 'b_dec'));
  if (how === 'layer_norm') output = output.map((v) => v * deviation + mean);
  if (how === 'constant_norm_rescale') output = output.map((v) => (v * size) / Math.sqrt(n));
  if (t.W_skip !== undefined) output = add(output, timesT(given, t.W_skip));
  return { codes, output: output.map((v) => v / scale) };
}

export function sparsify(cfg: Readonly<Record<string, unknown>>, t: TensorMap, x: Vector): Forward {
  const inner = cfg.transcode ? x : sub(x, vec(t, 'b_dec'));
  const h = relu(add(timesT(inner, t['encoder.weight']), vec(t, 'encoder.bias')));
  const codes = topk(h, cfg.k as number);
  const output = add(times(codes, t.W_dec), vec(t, 'b_dec'));
  return { codes, output: t.W_skip === undefined ? output : add(output, timesT(x, t.W_skip)) };
}

/** Gemma Scope, of both kinds; `skip` says what an affine connection adds. */
export function gemmaScope(t: TensorMap, x: Vector, { embedding = false, skip = 'xA' } = {}): Forward {
  const of = (name: string): Tensor => (t[name] ?? t[name.toLowerCase()]) as Tensor;
  const root = embedding ? Math.sqrt(x.length) : 1;
  const codes = jump(
    add(
      times(x, of('W_enc')).map((v) => v / root),
      vec(t, 'b_enc'),
    ),
    vec(t, 'threshold'),
  );
  const output = add(
    times(codes, of('W_dec')).map((v) => v * root),
    vec(t, 'b_dec'),
  );
  const affine = t.affine_skip_connection;
  if (affine === undefined) return { codes, output };
  return { codes, output: add(output, skip === 'xA' ? times(x, affine) : timesT(x, affine)) };
}

/** Llama Scope and R1 distill: on x·s, back by 1/s. */
export function llamaScope(t: TensorMap, x: Vector, s: number, threshold: Vector): Forward {
  const h = add(
    timesT(
      x.map((v) => v * s),
      t['encoder.weight'],
    ),
    vec(t, 'encoder.bias'),
  );
  const codes = jump(h, threshold);
  return { codes, output: add(timesT(codes, t['decoder.weight']), vec(t, 'decoder.bias')).map((v) => v / s) };
}

export function circuitTracer(t: TensorMap, x: Vector): Forward {
  const h = add(timesT(x, t.W_enc), vec(t, 'b_enc'));
  const theta = t['activation_function.threshold'];
  const codes =
    theta === undefined
      ? relu(h)
      : jump(
          h,
          h.map((_, j) => theta.values[theta.shape.length === 0 ? 0 : j] as number),
        );
  const output = add(times(codes, t.W_dec), vec(t, 'b_dec'));
  return { codes, output: t.W_skip === undefined ? output : add(output, timesT(x, t.W_skip)) };
}

export function dictionaryLearning(name: string, t: TensorMap, x: Vector): Forward {
  const bias = vec(t, t.bias ? 'bias' : t.b_dec ? 'b_dec' : 'decoder_bias');
  const inner = name === 'JumpReluAutoEncoder' ? x : sub(x, bias);
  const products = t.W_enc === undefined ? timesT(inner, t['encoder.weight']) : times(inner, t.W_enc);
  let codes: Vector;
  if (name === 'GatedAutoEncoder') {
    const gate = add(products, vec(t, 'gate_bias'));
    const size = add(
      products.map((v, j) => v * Math.exp(vec(t, 'r_mag')[j] as number)),
      vec(t, 'mag_bias'),
    );
    codes = relu(size).map((v, j) => ((gate[j] as number) > 0 ? v : 0));
  } else {
    const h = add(products, vec(t, t.b_enc ? 'b_enc' : 'encoder.bias'));
    if (name === 'AutoEncoder') codes = relu(h);
    else if (name === 'AutoEncoderTopK') codes = topk(relu(h), vec(t, 'k')[0] as number);
    else if (name === 'JumpReluAutoEncoder') codes = jump(h, vec(t, 'threshold'));
    else codes = relu(h).map((v) => (v > (vec(t, 'threshold')[0] as number) ? v : 0));
  }
  const made = t.W_dec === undefined ? timesT(codes, t['decoder.weight']) : times(codes, t.W_dec);
  return { codes, output: add(made, bias) };
}

/** A safetensors file by its specification: F32, F64, F16 and BF16. */
export function parseSafetensors(bytes: Buffer): Record<string, Tensor> {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const half = (bits: number): number => {
    const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  };
  const brain = (bits: number): number => {
    const wide = Buffer.alloc(4);
    wide.writeUInt16BE(bits);
    return wide.readFloatBE();
  };
  const readers: Readonly<Record<string, readonly [number, (at: number) => number]>> = {
    F32: [4, (at) => bytes.readFloatLE(at)],
    F64: [8, (at) => bytes.readDoubleLE(at)],
    F16: [2, (at) => half(bytes.readUInt16LE(at))],
    BF16: [2, (at) => brain(bytes.readUInt16LE(at))],
  };
  const found: Record<string, Tensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [size, read] = readers[entry.dtype] as readonly [number, (at: number) => number];
    const [begin, end] = entry.data_offsets;
    const values = Array.from({ length: (end - begin) / size }, (_, i) =>
      read(8 + length + begin + size * i),
    );
    found[name] = { shape: entry.shape, values };
  }
  return found;
}
