// Which training runs on a GPU, and where that is.
import type { Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { resources } from '../native/resources.js';
import type { NativeTrainerOptions } from '../native/sae.js';
import type { Resources } from '../native/values.js';

/** Architectures whose steps a GPU makes. */
const ON_DEVICES: readonly NativeTrainerOptions['architecture'][] = ['topk', 'batchtopk', 'jumprelu'];

/** Dims that a GPU's kernels hold a row of (native/learning/autoencoder_device.cpp). */
const MOST_DIMS = 9000;

/** What of an autoencoder's options keeps it on the CPU, or undefined. */
function keptOnCpu(options: NativeTrainerOptions, dims: number): string | undefined {
  if (dims > MOST_DIMS) return `training with ${dims} dims, more than ${MOST_DIMS},`;
  if (options.prefixes.length > 0) return 'architecture matryoshka';
  if (!ON_DEVICES.includes(options.architecture)) return `architecture ${options.architecture}`;
  return options.skip ? 'skip' : undefined;
}

/**
 * What a run gets to run on. `samples`: how many it learns from in all, as far as that is known.
 * @throws {UnsuperposeError} `ERR_OPTION` where a GPU is asked for that cannot train one of the learners; `ERR_NO_DEVICE`
 */
export function trainingResources(
  learners: readonly NativeTrainerOptions[],
  run: { readonly threads: number; readonly wanted: Wanted },
  work: { readonly samples: number; readonly inputs: number; readonly outputs: number },
): Resources {
  const { threads, wanted } = run;
  const dims = Math.max(work.inputs, work.outputs);
  const kept = learners.map((one) => keptOnCpu(one, dims)).find((what) => what !== undefined);
  if (kept === undefined) {
    const features = learners.reduce((sum, one) => sum + one.features, 0);
    return resources(threads, wanted, work.samples * features * work.inputs);
  }
  if (typeof wanted === 'number')
    throw new UnsuperposeError(
      'ERR_OPTION',
      `device 'cuda' is for training with architecture ${ON_DEVICES.join(', ')}, without skip: ${kept} runs on the CPU only`,
      'device',
    );
  return threads;
}
