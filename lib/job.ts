// One asynchronous native call as a promise, with its AbortSignal and its progress.
import type { JobId, Settled } from './binding.js';
import { binding, translate } from './runtime.js';

/** Throws the signal's reason if it has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** Starts the native call. `watched` wraps a progress callback: if it throws, the call stops and rejects with that. */
export type Start<T> = (
  onSettled: Settled<T>,
  watched: <A extends unknown[]>(report: (...args: A) => void) => (...args: A) => void,
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
      signal?.removeEventListener('abort', onAbort);
      if (stopped !== undefined) reject(stopped.error);
      else if (error !== undefined) reject(translate(error));
      else resolve(result);
    };
    try {
      job = start(onSettled, (report) => (...args) => {
        try {
          report(...args);
        } catch (error) {
          stop(error);
        }
      });
    } catch (error) {
      throw translate(error);
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
