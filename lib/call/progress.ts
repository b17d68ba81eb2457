// How far a call has come, and how it is stopped.

/** How far a call has come, in samples. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Options of calls that return a promise. */
export interface AsyncOptions<P = Progress> {
  /** Aborting it rejects the promise with `signal.reason`, within one block of work. */
  readonly signal?: AbortSignal | undefined;
  /** Called as the work goes on, the last time at the end. What it throws stops the call and rejects the promise. */
  readonly onProgress?: ((progress: P) => void) | undefined;
}

export const ASYNC_NAMES = ['signal', 'onProgress'] as const;

/** What calls that block the event loop say of them. */
export const ASYNC_ONLY: Readonly<Record<string, string>> = {
  signal: 'nothing can abort a call that blocks the event loop',
  onProgress: 'the event loop, which would call it, is blocked meanwhile',
};
