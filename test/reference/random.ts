// Seeded random numbers for tests: sfc32 (Chris Doty-Humphrey's small fast counting generator). Nothing here
// is shared with the library's own generator, so a fault there cannot hide here.

export interface Random {
  /** uniform on [0, 1) */
  uniform(): number;
  /** standard normal (Box–Muller) */
  normal(): number;
  /** uniform on {0, …, bound − 1} */
  below(bound: number): number;
  /** ±1 */
  sign(): number;
  /** `count` different integers below `bound`, in random order */
  choose(count: number, bound: number): number[];
}

export function makeRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  const warmUp = 16;
  for (let i = 0; i < warmUp; i++) next();

  const uniform = (): number => next() / 2 ** 32;
  const below = (bound: number): number => Math.floor(uniform() * bound);
  return {
    uniform,
    below,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    sign: () => (uniform() < 0.5 ? -1 : 1),
    choose: (count, bound) => {
      const items = Array.from({ length: bound }, (_, i) => i);
      for (let i = 0; i < count; i++) {
        const j = i + below(bound - i);
        [items[i], items[j]] = [items[j] as number, items[i] as number];
      }
      return items.slice(0, count);
    },
  };
}
