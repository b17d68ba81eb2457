// Which training runs on a GPU, and where that is.
import { readDevice, readNoDevice, refuseDevice, type Wanted } from '../call/device.js';
import type { Options } from '../call/options.js';
import { resources } from '../native/resources.js';
import type { NativeTrainerOptions } from '../native/sae.js';
import type { Resources } from '../native/values.js';
import type { Learner } from './options.js';
import type { Architecture } from './training.js';

/** Architectures whose steps a GPU makes. */
const ON_DEVICES: readonly Architecture[] = ['topk', 'batchtopk', 'jumprelu'];

/** Dims of input or output that its kernels take at most (native/learning/autoencoder_device.cpp). */
const MOST_DIMS = 9_000;

/** What can use a GPU, as refusals say it. */
const OTHERS = `training with architecture ${ON_DEVICES.join(', ')}, without skip`;

/** What of a learner keeps it on the CPU, or undefined. */
function keptOnCpu({ architecture, skip }: Learner): string | undefined {
  if (!ON_DEVICES.includes(architecture)) return `architecture ${architecture}`;
  return skip ? 'skip' : undefined;
}

/**
 * Where a run is to be. A GPU that is asked for must be there, and for such learners, before anything is read.
 * @throws {UnsuperposeError} `ERR_OPTION` where a GPU is asked for that cannot train one of the learners; `ERR_NO_DEVICE`
 */
export function readTrainingDevice(read: Options, learners: readonly Learner[]): Wanted {
  const kept = learners.map(keptOnCpu).find((what) => what !== undefined);
  if (kept !== undefined) return readNoDevice(read, kept, OTHERS);
  const wanted = readDevice(read);
  if (typeof wanted === 'number') resources(1, wanted, 0);
  return wanted;
}

/**
 * What a run gets to run on. `asked`: the option, where it was given. `samples`: how many it learns from in all, as far as that is known.
 * @throws {UnsuperposeError} `ERR_OPTION` where a GPU is asked for that cannot train with so many dims
 */
export function trainingResources(
  learners: readonly NativeTrainerOptions[],
  run: { readonly threads: number; readonly wanted: Wanted; readonly asked: unknown },
  work: { readonly samples: number; readonly inputs: number; readonly outputs: number },
): Resources {
  const { threads, wanted, asked } = run;
  const dims = Math.max(work.inputs, work.outputs);
  if (dims > MOST_DIMS) {
    if (typeof wanted === 'number' && asked !== undefined)
      refuseDevice(asked, `training with ${dims} dims`, `training with ${MOST_DIMS} dims at most`);
    return threads;
  }
  const features = learners.reduce((sum, one) => sum + one.features, 0);
  return resources(threads, wanted, work.samples * features * work.inputs);
}
