// One asynchronous native call as a promise, with its AbortSignal and its progress.
import type { Progress } from '../call/progress.js';
import { binding, native, translate } from './runtime.js';
import type { JobId, Report, Settled } from './values.js';

/** What to call when a signal is aborted. One listener a signal: many calls may share one, and Node warns above ten. */
const watched = new WeakMap<
  AbortSignal,
  { readonly stops: Set<() => void>; readonly listener: () => void }
>();

function watch(signal: AbortSignal, stop: () => void): void {
  let entry = watched.get(signal);
  if (entry === undefined) {
    const stops = new Set<() => void>();
    const listener = (): void => {
      for (const each of [...stops]) each();
    };
    signal.addEventListener('abort', listener);
    entry = { stops, listener };
    watched.set(signal, entry);
  }
  entry.stops.add(stop);
}

function unwatch(signal: AbortSignal, stop: () => void): void {
  const entry = watched.get(signal);
  if (entry === undefined) return;
  entry.stops.delete(stop);
  if (entry.stops.size > 0) return;
  watched.delete(signal);
  try {
    signal.removeEventListener('abort', entry.listener);
  } catch {
    // What only behaves like a signal may fail at that. The listener has nothing to stop any more, and the answer is there.
  }
}

/** Throws the signal's reason if it has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** Starts the native call. `guard` wraps a progress callback: if it throws, the call stops and rejects with that. */
export type Start<T> = (
  onSettled: Settled<T>,
  guard: <A extends unknown[]>(report: (...args: A) => void) => (...args: A) => void,
) => JobId;

/**
 * Rejects with signal.reason as soon as it is aborted; the native work, which has its own copies, stops shortly after. Leaves no listener
 * behind. What behaves like a signal may throw wherever it is asked: that stops the call, which rejects with it.
 */
export function runJob<T>(signal: AbortSignal | undefined, start: Start<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    let job: JobId | undefined;
    let stopped: { readonly error: unknown } | undefined;
    const stop = (error: unknown): void => {
      stopped ??= { error };
      if (job !== undefined) binding.cancel(job);
    };
    const attempt = (ask: () => void): void => {
      try {
        ask();
      } catch (error) {
        stop(error);
      }
    };
    const onAbort = (): void => attempt(() => stop(signal?.reason));
    const onSettled: Settled<T> = (error, result) => {
      if (signal !== undefined) unwatch(signal, onAbort);
      if (stopped !== undefined) reject(stopped.error);
      else if (error !== undefined) reject(translate(error));
      else resolve(result);
    };
    const run = (): JobId =>
      start(
        onSettled,
        (report) =>
          (...args) =>
            attempt(() => report(...args)),
      );
    job = native(run);
    if (signal === undefined) return;
    attempt(() => {
      watch(signal, onAbort);
      if (signal.aborted) onAbort();
    });
  });
}

/** The same for native calls that report what is done, of how much. */
export function runCounted<T>(
  signal: AbortSignal | undefined,
  onProgress: ((progress: Progress) => void) | undefined,
  start: (report: Report, onSettled: Settled<T>) => JobId,
): Promise<T> {
  return runJob<T>(signal, (onSettled, guard) =>
    start(onProgress && guard((done: number, total: number) => onProgress({ done, total })), onSettled),
  );
}
