// What a call gets to run on: threads, and a GPU where it asks for one that is there, or leaves the choice to the rule below.
import type { Wanted } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import type { NativeDevice } from './binding.js';
import { cudaDevices } from './cuda.js';
import type { Resources } from './values.js';

/**
 * Multiply-adds from which `device: 'auto'` takes a GPU: some 40 ms of sixteen cores, against some 10 ms that the copies of such a problem
 * and the device's answer take. Stated in the documentation of the option (lib/call/device.ts).
 */
export const WORTH_A_DEVICE = 2 ** 34;

/** Devices that a call of this process has had: native code answers for them from then on. */
const had = new Set<number>();

/** Why no call can use device `index`, or undefined. */
function faultOf(devices: readonly NativeDevice[], index: number): string | undefined {
  const device = devices[index];
  if (device !== undefined)
    return device.unusable === ''
      ? undefined
      : `device cuda:${index} (${device.name}) cannot be used: ${device.unusable}`;
  const there = devices.map(({ name }, i) => `cuda:${i} (${name})`).join(', ');
  const hidden =
    process.env.CUDA_VISIBLE_DEVICES === undefined ? '' : ', as far as CUDA_VISIBLE_DEVICES shows them';
  return `there is no device cuda:${index}; there are: ${there}${hidden}`;
}

function requireDevice(index: number): void {
  if (had.has(index)) return;
  const fault = faultOf(cudaDevices(), index);
  if (fault !== undefined) throw new UnsuperposeError('ERR_NO_DEVICE', fault, 'device');
  had.add(index);
}

/** The first device that calls can use, and that is one; undefined where there is none, for whatever reason. */
function firstUsable(): number | undefined {
  try {
    const index = cudaDevices().findIndex(({ unusable, emulated }) => unusable === '' && !emulated);
    return index < 0 ? undefined : index;
  } catch {
    return undefined;
  }
}

/**
 * What a call of `work` multiply-adds runs on.
 * @throws {UnsuperposeError} `ERR_NO_DEVICE` with the reason and what to do, where a device that is asked for cannot be used
 */
export function resources(threads: number, wanted: Wanted, work: number): Resources {
  if (wanted === 'cpu') return threads;
  if (wanted === 'auto') {
    const device = work >= WORTH_A_DEVICE ? firstUsable() : undefined;
    return device === undefined ? threads : { threads, device };
  }
  requireDevice(wanted);
  return { threads, device: wanted };
}

/** Where that is, as answers say it. */
export type RanOn = 'cpu' | `cuda:${number}`;
export const ranOn = (given: Resources): RanOn =>
  typeof given === 'number' ? 'cpu' : `cuda:${given.device}`;
