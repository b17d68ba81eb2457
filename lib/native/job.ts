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
  signal.removeEventListener('abort', entry.listener);
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

/** Rejects with signal.reason once aborted, within one block of native work. Leaves no listener behind. */
export function runJob<T>(signal: AbortSignal | undefined, start: Start<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    let job: JobId | undefined;
    let stopped: { readonly error: unknown } | undefined;
    const stop = (error: unknown): void => {
      stopped ??= { error };
      if (job !== undefined) binding.cancel(job);
    };
    const onAbort = (): void => stop(signal?.reason);
    const onSettled: Settled<T> = (error, result) => {
      if (signal !== undefined) unwatch(signal, onAbort);
      if (stopped !== undefined) reject(stopped.error);
      else if (error !== undefined) reject(translate(error));
      else resolve(result);
    };
    const run = (): JobId =>
      start(onSettled, (report) => (...args) => {
        try {
          report(...args);
        } catch (error) {
          stop(error);
        }
      });
    job = native(run);
    if (signal !== undefined) watch(signal, onAbort);
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
