// How many threads a call may use: its option, else UNSUPERPOSE_THREADS, else what the machine has.
import { availableParallelism } from 'node:os';
import { UnsuperposeError } from './errors.js';
import { describe, type Options } from './options.js';

/** The pool's own limit (native/core/thread_pool.hpp). */
const MOST_THREADS = 1024;
const RANGE = { min: 1, max: MOST_THREADS } as const;

const available = Math.min(availableParallelism(), MOST_THREADS);

/**
 * The number of threads that calls use by default.
 * @throws UnsuperposeError `ERR_OPTION` if UNSUPERPOSE_THREADS is set to anything but an integer from 1 to 1024
 */
export function defaultThreads(): number {
  const text = process.env.UNSUPERPOSE_THREADS;
  if (text === undefined || text === '') return available;
  const threads = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(threads >= RANGE.min && threads <= RANGE.max))
    throw new UnsuperposeError(
      'ERR_OPTION',
      `the environment variable UNSUPERPOSE_THREADS must be an integer between 1 and ${MOST_THREADS}, got ${describe(text)}`,
      'UNSUPERPOSE_THREADS',
    );
  return threads;
}

export function readThreads(options: Options): number {
  return options.integer('threads', RANGE, undefined) ?? defaultThreads();
}
