// Takes small answers off the tray (native/node/tray.hpp), in the order in which native code has laid them. Each array has memory of its own, as
// those of large answers have: what is written to one, or transferred, touches no other.
import type { NativeTopK } from './binding.js';
import { binding } from './runtime.js';
import type { NativeUnfolding } from './unfolding.js';

const tray = binding.tray();

/** The counts of the arrays stand at the front, so many at most. */
const MOST_ARRAYS = 16;
const FIRST_BYTE = MOST_ARRAYS * Uint32Array.BYTES_PER_ELEMENT;
const ALIGNMENT = Float64Array.BYTES_PER_ELEMENT;

type Views = typeof tray;

/** What takes the next array from the tray, as one of this kind: arrays of the realm that all answers are of, whichever loaded the package. */
function taking<K extends keyof Views>(kind: K): () => Views[K] {
  const from = tray[kind];
  const size = from.BYTES_PER_ELEMENT;
  const Made = from.constructor as new (length: number) => Views[K];
  return () => {
    const length = tray.uint32[taken++] as number;
    const first = at / size;
    at += Math.ceil((length * size) / ALIGNMENT) * ALIGNMENT;
    const made = new Made(length);
    for (let i = 0; i < length; i++) made[i] = from[first + i] as number;
    return made;
  };
}

/** Arrays that were taken, and where the next one begins. */
let taken = 0;
let at = FIRST_BYTE;

const float32 = taking('float32');
const float64 = taking('float64');
const uint8 = taking('uint8');
const uint32 = taking('uint32');

function begin(): void {
  taken = 0;
  at = FIRST_BYTE;
}

/** An array of one number, as that number. */
function number(): number {
  taken++;
  const value = tray.float64[at / ALIGNMENT] as number;
  at += ALIGNMENT;
  return value;
}

/** An unfolding; `wide`: its values are float64. */
export function takeUnfolding(wide: boolean): NativeUnfolding {
  begin();
  return {
    codes: { indptr: uint32(), indices: uint32(), values: (wide ? float64() : float32()) as Float32Array },
    gap: float64(),
    objective: float64(),
    residual: float32(),
    status: uint8(),
    iterations: uint32(),
    lambda: float64(),
    norm: float64(),
    variance: number(),
    usedDevice: false,
  };
}

export function takeTopK(): NativeTopK {
  begin();
  return { indices: uint32(), values: float32() };
}
