// The CUDA module that tests run on: the emulation of test/cuda/, which the build makes, or what UNSUPERPOSE_CUDA_BINARY names.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { run } from './package-process.js';

export const EMULATION = fileURLToPath(
  new URL('../../build/Release/unsuperpose_cuda_emulated.node', import.meta.url),
);

/** Whether `binary` is there; says what is skipped otherwise. */
function found(binary: string, without: string): boolean {
  const there = existsSync(binary);
  if (!there) console.warn(`SKIPPED: ${without}: ${binary} has not been built (npm run test:native)`);
  return there;
}

/** Has the calls of this test file's process run on the module, where they ask for a device. */
export function useModule(without: string): {
  readonly there: boolean;
  readonly emulated: boolean;
  readonly binary: string;
} {
  const binary = process.env.UNSUPERPOSE_CUDA_BINARY ?? EMULATION;
  process.env.UNSUPERPOSE_CUDA_BINARY = binary;
  delete process.env.UNSUPERPOSE_DEVICE;
  const there = found(binary, without);
  return { there, emulated: there && binary === EMULATION, binary };
}

export const emulationThere = (): boolean => found(EMULATION, 'no faults of a CUDA device');

/** What a process says that runs `body` after `setUp` on the emulation, with the faults that `env` asks for: what it logged, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the body logs
export type Ask = (body: string, env?: Record<string, string | number | undefined>) => any;

export function asking(setUp: string): Ask {
  return (body, env = {}) => {
    const given = Object.entries(env).map(([name, value]) => [
      name,
      value === undefined ? value : `${value}`,
    ]);
    const { status, out, err } = run(`${setUp}\n${body}`, {
      ...{ UNSUPERPOSE_CUDA_BINARY: EMULATION, STAND_IN: undefined },
      ...{ UNSUPERPOSE_DEVICE: undefined, CUDA_VISIBLE_DEVICES: undefined },
      ...Object.fromEntries(given),
    });
    expect(status, err).toBe(0);
    return JSON.parse(out);
  };
}

/**
 * Whether an answer is want of a device's memory, of so many bytes at most: with what is wanted and what is free, and why where that is no less. Of the
 * host's pinned memory nobody knows what is free.
 */
export function checkShortage({ code, message }: { code: string; message: string }, memory: number): void {
  expect(code).toBe('ERR_TOO_LARGE');
  if (message.startsWith('taking pinned memory of the host: ')) {
    expect(message).toMatch(/: \d+ bytes are wanted$/);
    return;
  }
  const [, wanted, whole, free, why] =
    /: (\d+) bytes are wanted( in one piece)?, (\d+) are free( by now: in smaller pieces, or another process had some of them)?$/.exec(
      message,
    ) ?? [];
  expect(Number(wanted), message).toBeGreaterThan(0);
  expect(Number(free), message).toBeLessThanOrEqual(memory);
  const fits = Number(wanted) <= Number(free);
  expect([whole !== undefined, why !== undefined], message).toEqual([fits, fits]);
}
