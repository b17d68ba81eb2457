// What runs.
import { defaultThreads } from '../call/threads.js';
import { type CudaInfo, cudaInfo } from './cuda.js';
import { readVersion } from './root.js';
import { nativeInfo } from './runtime.js';
import type { Isa, Precision } from './values.js';

/** What {@link info} answers. */
export interface Info {
  /** Of this package; `'unknown'` for code that was bundled away from it. */
  readonly version: string;
  /** The level in use: the best one, or what UNSUPERPOSE_ISA asks for. */
  readonly isa: Isa;
  /** The levels that this build has and this processor can run, weakest first. */
  readonly supportedIsas: readonly Isa[];
  /** What the processor has beyond the level, such as `avx512_vnni`, without those that UNSUPERPOSE_WITHOUT names (a list with commas). */
  readonly capabilities: readonly string[];
  /** Precisions in which all atoms can be scored at this level, most exact first; see `ops.estimate`. */
  readonly precisions: readonly Precision[];
  /** Threads that calls use by default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads: number;
  /**
   * What the CUDA module says of devices and driver, or why it can use none; null where no CUDA module is installed. To read this is to ask:
   * it loads the module and asks the driver, which takes part of a second. Nothing else of this object does. It takes no memory of any device.
   */
  readonly cuda: CudaInfo | null;
}

let version: string | undefined;

/**
 * The version, the instruction set and the threads that calls use.
 * @throws UnsuperposeError `ERR_OPTION` if UNSUPERPOSE_THREADS is not an integer from 1 to 1024
 *
 * @example
 * ```ts
 * import { info } from 'unsuperpose';
 *
 * const { isa, supportedIsas } = info();
 * console.log(supportedIsas.includes(isa)); // → true
 * ```
 */
export function info(): Info {
  version ??= readVersion();
  const { isa, supportedIsas, capabilities, precisions } = nativeInfo;
  return {
    version,
    isa,
    supportedIsas: [...supportedIsas],
    capabilities: [...capabilities],
    precisions: [...precisions],
    threads: defaultThreads(),
    get cuda() {
      return cudaInfo();
    },
  };
}
