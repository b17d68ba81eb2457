import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { info, UnfoldStatus, UnsuperposeError } from '../../lib/index.js';

it('info says what runs', () => {
  const about = info();
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(about.version).toBe(version);
  expect(about.supportedIsas).toContain(about.isa);
  expect(about.supportedIsas[0]).toMatch(/^(scalar|neon)$/);
  expect(Array.isArray(about.capabilities)).toBe(true);
  expect(about.threads).toBeGreaterThanOrEqual(1);
  const installed = existsSync(new URL('../../build/Release/unsuperpose_cuda.node', import.meta.url));
  expect(about.cuda !== null).toBe(installed || Boolean(process.env.UNSUPERPOSE_CUDA_BINARY));
  const forced = process.env.UNSUPERPOSE_ISA;
  expect(about.isa).toBe(forced ?? about.supportedIsas.at(-1));
});

it('status codes are fixed numbers', () => {
  expect(UnfoldStatus).toEqual({ converged: 0, iterationLimit: 1, stalled: 2, diverged: 3, infeasible: 4 });
});

it('errors are errors', () => {
  const error = new UnsuperposeError('ERR_SHAPE', 'why', 'what');
  expect(error).toBeInstanceOf(Error);
  expect([error.name, error.code, error.message, error.argument]).toEqual([
    'UnsuperposeError',
    'ERR_SHAPE',
    'why',
    'what',
  ]);
});
