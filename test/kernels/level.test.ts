import { expect, it } from 'vitest';
import { info } from '../../lib/index.js';

it('computes on the level that this project of the tests is of', () => {
  expect(info().isa).toBe(process.env.UNSUPERPOSE_ISA ?? info().supportedIsas.at(-1));
});
