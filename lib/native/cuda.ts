// Finds and loads the CUDA module, on demand, and asks it for devices. In this order:
//   1. UNSUPERPOSE_CUDA_BINARY, a path, and then nothing else, where it is set;
//   2. build/Release/unsuperpose_cuda.node, a build on this machine (npm run build:cuda);
//   3. prebuilds/<platform>-<arch>/unsuperpose_cuda.node.
// Loading it touches no GPU; asking for devices asks the driver, and starts CUDA on none of them.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isUnsuperposeError, messageOf, UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';
import type { NativeDevice } from './binding.js';
import { ROOT } from './root.js';
import { native } from './runtime.js';

const VARIABLE = 'UNSUPERPOSE_CUDA_BINARY';
const FILE = 'unsuperpose_cuda.node';

const BUILD =
  'To compile one in a checkout (it takes nvcc of CUDA 12.8 or newer), run: npm run build:cuda; ' +
  'in an installed package: npx unsuperpose build --cuda';

/** Where the module is, or undefined where none is installed. */
function locate(): string | undefined {
  const forced = process.env[VARIABLE];
  if (forced) return resolve(forced);
  if (ROOT === undefined) return undefined;
  const folders = [join('build', 'Release'), join('prebuilds', `${process.platform}-${process.arch}`)];
  return folders.map((folder) => join(ROOT as string, folder, FILE)).find(existsSync);
}

/** The path whose table native code has. */
let loaded: string | undefined;

/**
 * Loads the module, unless that is done.
 * @throws {UnsuperposeError} `ERR_NO_DEVICE` where there is none, `ERR_NATIVE` where it is none of ours or does not load
 */
function load(): void {
  const path = locate();
  if (path === undefined)
    throw new UnsuperposeError('ERR_NO_DEVICE', `no CUDA module is installed. ${BUILD}`, 'device');
  if (path === loaded) return;
  const advice = process.env[VARIABLE]
    ? `${VARIABLE} names it: correct it, or unset it to use what the package has`
    : BUILD;
  if (!existsSync(path))
    throw new UnsuperposeError('ERR_NO_DEVICE', `the CUDA module ${path} is not there. ${advice}`, 'device');
  const module: { exports: { table?: unknown } } = { exports: {} };
  try {
    process.dlopen(module, path);
    native((binding) => binding.useCuda(module.exports.table));
  } catch (error) {
    const reason = `the CUDA module ${path} cannot be used: ${messageOf(error)}. ${advice}`;
    throw new UnsuperposeError('ERR_NATIVE', reason, 'device', { cause: error });
  }
  loaded = path;
}

/** What to do where the driver shows no device. */
function advise(): string {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  const hidden =
    visible === undefined
      ? ''
      : `CUDA_VISIBLE_DEVICES is ${describe(visible)} here, which hides all devices that it does not name. `;
  return (
    `${hidden}It takes an NVIDIA GPU of compute capability 8.0 or newer, and a driver of at least the CUDA version that the module was built ` +
    "with (CUDA 13: driver 580 or newer): nvidia-smi shows both. Else use device 'cpu'"
  );
}

/**
 * The devices, at least one; those that no call can use say why.
 * @throws {UnsuperposeError} `ERR_NO_DEVICE` or `ERR_NATIVE`, with the reason and what to do
 */
export function cudaDevices(): readonly NativeDevice[] {
  load();
  try {
    return native((binding) => binding.cudaDevices());
  } catch (error) {
    if (!isUnsuperposeError(error)) throw error;
    const advice = error.code === 'ERR_NO_DEVICE' ? `. ${advise()}` : '';
    throw new UnsuperposeError(
      error.code,
      `no CUDA device can be used: ${error.message}${advice}`,
      'device',
      {
        cause: error,
      },
    );
  }
}

/** A CUDA device, as {@link Info.cuda} lists it. */
export interface CudaDevice {
  /** N of `device: 'cuda:N'`. */
  readonly index: number;
  readonly name: string;
  /** Such as `'9.0'`. */
  readonly computeCapability: string;
  /** Bytes in all. */
  readonly memory: number;
  /**
   * Bytes that are free by now, of all processes. Absent where no call of this process has used the device: to ask would start CUDA there, which takes some hundred MB
   * of it.
   */
  readonly free?: number;
  /** A CPU that runs the kernels' source, for tests. */
  readonly emulated: boolean;
  /** Why no call can use it. Absent where calls can. */
  readonly reason?: string;
}

/** What {@link Info.cuda} says of the CUDA module that is installed. */
export interface CudaInfo {
  /** Whether there is a device that calls can use. */
  readonly available: boolean;
  /** Why there is none. */
  readonly reason?: string;
  /** CUDA versions of the driver and of the module's runtime, such as `'13.0'`. */
  readonly driver?: string;
  readonly runtime?: string;
  readonly devices: readonly CudaDevice[];
}

const version = (number: number): string =>
  `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`;

const toDevice = (device: NativeDevice, index: number): CudaDevice => ({
  index,
  name: device.name,
  computeCapability: `${device.major}.${device.minor}`,
  memory: device.memory,
  ...(device.free > 0 && { free: device.free }),
  emulated: device.emulated,
  ...(device.unusable === '' ? {} : { reason: device.unusable }),
});

/** What there is. Null without a CUDA module. */
export function cudaInfo(): CudaInfo | null {
  if (locate() === undefined) return null;
  let found: readonly NativeDevice[];
  try {
    found = cudaDevices();
  } catch (error) {
    return { available: false, reason: messageOf(error), devices: [] };
  }
  const devices = found.map(toDevice);
  const [first] = found as [NativeDevice];
  const available = devices.some(({ reason }) => reason === undefined);
  return {
    available,
    ...(available ? {} : { reason: devices[0]?.reason ?? '' }),
    driver: version(first.driver),
    runtime: version(first.runtime),
    devices,
  };
}
