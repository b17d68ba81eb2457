// What setting a dictionary up costs, against what it saves.
import { describe, expect, it } from 'vitest';
import { breakEven } from '../../bench/setup.js';

describe('the break-even', () => {
  it('is where all calls so far have cost no more', () => {
    expect(breakEven([5, 1, 1, 1], [2, 2, 2, 2])).toBe(4);
    expect(breakEven([1, 1], [2, 2])).toBe(1);
  });

  it('lasts: an early gain that is lost again does not count', () => {
    expect(breakEven([1, 6, 1, 1], [2, 2, 4, 4])).toBe(3);
    expect(breakEven([1, 6], [2, 2])).toBeUndefined();
  });
});
