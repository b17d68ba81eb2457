// What a test of refusals expects of each: the error with its code, a message that names the argument, and a library that still works.
import { afterEach, expect } from 'vitest';
import { UnsuperposeError, unfoldSync } from '../../lib/index.js';
import { bits } from '../reference/verify.js';
import { type calls, dictionary, failure, samples } from './calls.js';

export async function refuses(call: () => unknown, code: string, names: RegExp): Promise<void> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(UnsuperposeError);
  expect(error).toBeInstanceOf(Error);
  const { code: got, message } = error as UnsuperposeError;
  expect(got, message).toBe(code);
  expect(message).toMatch(names);
}

export type Name = keyof typeof calls;

const expected = bits(unfoldSync(samples, dictionary, { lambda: 0.1 }).codes.values);

/** After each test of the file, an answer is what it was before all of them. */
export function stillWorks(): void {
  afterEach(() => {
    expect(bits(unfoldSync(samples, dictionary, { lambda: 0.1 }).codes.values)).toBe(expected);
  });
}

export const NOT_COUNT = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '2', null];
