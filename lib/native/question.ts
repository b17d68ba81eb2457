// Questions about all features: long, asynchronous, and alike in their options.
import { type DeviceOptions, readDevice } from '../call/device.js';
import type { Options } from '../call/options.js';
import { ASYNC_NAMES, type Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { runCounted, throwIfAborted } from './job.js';
import { resources } from './resources.js';
import type { JobId, Report, Resources, Settled } from './values.js';

/** Options of every question about all features. */
export interface QuestionOptions {
  /** Default: UNSUPERPOSE_THREADS, or what the machine has. */
  readonly threads?: number | undefined;
  /** Stops the work within one block of it; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the features done and their number. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of questions about all pairs of features, which a GPU can score. */
export interface PairQuestionOptions extends QuestionOptions, DeviceOptions {}

export const QUESTION_NAMES = ['threads', ...ASYNC_NAMES] as const;
export const PAIR_QUESTION_NAMES = ['device', ...QUESTION_NAMES] as const;

/** The options that every question has, read, and the job started with them. */
export function askNative<T>(
  read: Options,
  start: (threads: number, report: Report, onSettled: Settled<T>) => JobId,
): Promise<T> {
  const threads = readThreads(read);
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  throwIfAborted(signal);
  return runCounted<T>(signal, onProgress, (...rest) => start(threads, ...rest));
}

/** The same of a question that a GPU can help with, of `work` multiply-adds. */
export function askDevice<T>(
  read: Options,
  work: number,
  start: (given: Resources, report: Report, onSettled: Settled<T>) => JobId,
): Promise<T> {
  const wanted = readDevice(read);
  return askNative<T>(read, (threads, ...rest) => start(resources(threads, wanted, work), ...rest));
}
