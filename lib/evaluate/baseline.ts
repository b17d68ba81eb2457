// The frozen random dictionary's codes, where what it is compared with has codes of its own.
import type { Matrix } from '../call/matrix.js';
import { readCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { binding, native } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';
import { fold } from '../unfold/fold.js';
import { unfold } from '../unfold/unfold.js';
import { type Chunk, type Coded, type CodeOptions, type Run, type Subject, unfolding } from './subjects.js';

/** Active features of each sample, at least 1 and at most what orthogonal matching pursuit can find. */
function sparsities({ indptr }: NativeCodes, most: number): Uint32Array {
  return Uint32Array.from({ length: indptr.length - 1 }, (_, i) =>
    Math.min(most, Math.max(1, (indptr[i + 1] as number) - (indptr[i] as number))),
  );
}

/** The codes without those of samples that have none in `reference`. */
function silenced(codes: NativeCodes, reference: NativeCodes): NativeCodes {
  const samples = codes.indptr.length - 1;
  const silent = (i: number): boolean => reference.indptr[i + 1] === reference.indptr[i];
  if (!Array.from({ length: samples }, (_, i) => silent(i)).includes(true)) return codes;
  const indptr = new Uint32Array(samples + 1);
  const kept: number[] = [];
  for (let i = 0; i < samples; i++) {
    if (!silent(i))
      for (let at = codes.indptr[i] as number; at < (codes.indptr[i + 1] as number); at++) kept.push(at);
    indptr[i + 1] = kept.length;
  }
  return {
    indptr,
    indices: Uint32Array.from(kept, (at) => codes.indices[at] as number),
    values: Float32Array.from(kept, (at) => codes.values[at] as number),
  };
}

function moved(
  { data, shape: [rows, cols] }: Matrix<Float32Array>,
  by: Float64Array,
  back: boolean,
  threads: number,
): Matrix<Float32Array> {
  const out = new Float32Array(rows * cols);
  native(() => binding.moveMatrix({ data, rows, cols }, by, 1, back, out, threads));
  return { data: out, shape: [rows, cols] };
}

/**
 * Codes over random directions for what has codes of its own: by `options` where they were given, otherwise by orthogonal matching pursuit
 * with as many active features as the sample has there. `bias` is subtracted before, and added again.
 */
export function matchedBaseline(
  dictionary: Dictionary,
  options: CodeOptions | undefined,
  bias: Float64Array | undefined,
  run: Run,
): Subject {
  const handle = Dictionary.handleOf(dictionary);
  const most = Math.min(dictionary.features, dictionary.dims);
  return {
    dictionary,
    encoder: undefined,
    bias: () => Promise.resolve(undefined),
    async code({ matrix }: Chunk, reference: NativeCodes): Promise<Coded> {
      const centred = bias === undefined ? matrix : moved(matrix, bias, false, run.threads);
      const settings = options ?? { method: 'omp', sparsity: sparsities(reference, most) };
      const answer = await unfold(centred, dictionary, unfolding(settings, run));
      const made = readCodes(answer.codes, 'codes', 'ERR_DTYPE').codes;
      const codes = options === undefined ? silenced(made, reference) : made;
      if (bias === undefined) return { codes, made: handle };
      const shape = [matrix.shape[0], dictionary.features] as const;
      const again = fold({ ...codes, shape }, dictionary, { device: 'cpu' });
      const { data } = moved(again, bias, true, run.threads);
      return { codes, made: { data, rows: matrix.shape[0], cols: dictionary.dims } };
    },
    finish: () => undefined,
  };
}
