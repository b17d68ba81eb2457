// AbortSignal and progress. No test here asserts a time: a job that is aborted must settle, that is all.
import { describe, expect, it } from 'vitest';
import { certify, Dictionary, fold, SparseCodes, toy, unfold, unfoldSync } from '../../lib/index.js';
import { coherent, gaussian } from '../reference/problems.js';
import { expectSame } from '../reference/verify.js';
import { failure } from './calls.js';

const problem = coherent(331, { features: 600, dims: 64, samples: 800, active: 8 });
const dictionary = Dictionary.from(problem.atoms);
const options = { lambda: 0.05 };
/** far more work than any machine does between two turns of the event loop */
const endless = { method: 'ista', lambda: 1e-4, tolerance: 1e-12, maxIterations: 1_000_000 } as const;

describe('abort', () => {
  it('before the call: rejects with the reason', async () => {
    for (const reason of [new Error('mine'), 'a string', { an: 'object' }, 0]) {
      const error = await failure(() =>
        unfold(problem.samples, dictionary, { ...options, signal: AbortSignal.abort(reason) }),
      );
      expect(error).toBe(reason);
    }
    const error = await failure(() =>
      unfold(problem.samples, dictionary, { ...options, signal: AbortSignal.abort() }),
    );
    expect((error as Error).name).toBe('AbortError');
  });

  it.each([
    { method: 'lasso', lambda: 1e-4, tolerance: 1e-12 },
    endless,
    { ...endless, method: 'fista' },
    { method: 'omp', sparsity: 64 },
    { method: 'homotopy', lambda: 1e-4 },
    { method: 'bpdn', epsilon: 0 },
    { method: 'reweighted', lambda: 1e-4, reweightings: 1000 },
  ] as const)('right after the call: $method', async (wanted) => {
    const controller = new AbortController();
    const reason = new Error('never mind');
    const promise = unfold(problem.samples, dictionary, { ...wanted, signal: controller.signal });
    controller.abort(reason);
    expect(await failure(() => promise)).toBe(reason);
  });

  it('during the job, from a timer, with a timeout signal, while others go on', async () => {
    const controller = new AbortController();
    const aborted = unfold(problem.samples, dictionary, { ...endless, signal: controller.signal });
    const timed = unfold(problem.samples, dictionary, { ...endless, signal: AbortSignal.timeout(20) });
    const other = unfold(problem.samples, dictionary, options);
    const settled = Promise.allSettled([aborted, timed]);
    setTimeout(() => controller.abort('later'), 10);
    const [first, second] = await settled;
    expect(first).toEqual({ status: 'rejected', reason: 'later' });
    expect(second).toMatchObject({ status: 'rejected', reason: { name: 'TimeoutError' } });
    expectSame(await other, unfoldSync(problem.samples, dictionary, options));
  });

  it('after the job: changes nothing, and leaves no listener behind', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof remove;
    const result = await unfold(problem.samples, dictionary, { ...options, signal });
    controller.abort();
    expect(result.converged).toBe(true);
    expect(listeners).toBeLessThanOrEqual(0);
  });

  it('one signal stops many jobs, queued and running', async () => {
    const controller = new AbortController();
    const jobs = Array.from({ length: 30 }, () =>
      unfold(problem.samples, dictionary, { ...endless, signal: controller.signal }),
    );
    const settled = Promise.allSettled(jobs);
    setTimeout(() => controller.abort('all'), 5);
    for (const job of await settled) expect(job).toEqual({ status: 'rejected', reason: 'all' });
  });
});

describe('a call that is aborted settles at once, and its threads are soon free again', () => {
  const normal = (rows: number, cols: number, seed: number) =>
    gaussian(seed, { features: rows, dims: cols, samples: 1 }).atoms;
  // Alone on a machine a few milliseconds pass; without points to stop at, each of these goes on for seconds (a minute on a slow machine).
  const soon = 3000;

  async function expectStops(start: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const controller = new AbortController();
    const promise = failure(() => start(controller.signal));
    await new Promise((resolve) => setTimeout(resolve, 400));
    const before = performance.now();
    controller.abort('enough');
    expect(await promise).toBe('enough');
    // both threads at the same time
    await Promise.all([1, 2].map(() => unfold(problem.samples, dictionary, { lambda: 1, threads: 2 })));
    expect(performance.now() - before).toBeLessThan(soon);
  }

  it('one step of a toy model over 2²⁰ samples', () =>
    expectStops((signal) =>
      toy.trainToyModel({ features: 200, dims: 20, density: 0.1, batchSize: 2 ** 20, steps: 4, signal }),
    ));

  it('the certificate of 2,000 active atoms', async () => {
    const active = 2000;
    const wide = Dictionary.from(normal(2048, 2304, 341));
    const many = SparseCodes.from({
      indptr: Uint32Array.of(0, active),
      indices: Uint32Array.from({ length: active }, (_, j) => j),
      values: new Float32Array(active).fill(1),
      shape: [1, 2048],
    });
    const folded = fold(many, wide);
    await expectStops((signal) => certify(folded, many, wide, { lambda: 0.1, signal }));
  });

  it('least squares on many atoms', async () => {
    const wide = Dictionary.from(normal(4096, 1024, 342), { normalize: true });
    const x = normal(16, 1024, 343);
    await expectStops((signal) => unfold(x, wide, { method: 'cosamp', sparsity: 300, signal }));
  });
});

/** Like a signal, but for removeEventListener. */
function brokenSignal(): AbortSignal & { abort(reason: unknown): void } {
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: undefined as unknown,
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: () => {
      throw new Error('not here');
    },
    abort(reason: unknown) {
      signal.aborted = true;
      signal.reason = reason;
      for (const listener of listeners) listener();
    },
  };
  return signal as unknown as AbortSignal & { abort(reason: unknown): void };
}

describe('what only behaves like a signal', () => {
  it('may fail at letting go: its call settles, and so do all others', async () => {
    const broken = brokenSignal();
    const signal = brokenSignal();
    const finished = unfold(problem.samples, dictionary, { ...options, signal: broken });
    const stopped = unfold(problem.samples, dictionary, { ...endless, signal });
    const others = [1, 2, 3, 4].map(() => unfold(problem.samples, dictionary, options));
    setTimeout(() => signal.abort('enough'), 10);
    expect(await failure(() => stopped)).toBe('enough');
    const expected = unfoldSync(problem.samples, dictionary, options);
    expectSame(await finished, expected);
    for (const other of others) expectSame(await other, expected);
  });

  it('may fail at taking a listener: the call stops and rejects with that', async () => {
    const mine = new Error('no listeners');
    const signal = Object.assign(brokenSignal(), {
      addEventListener() {
        throw mine;
      },
    });
    expect(await failure(() => unfold(problem.samples, dictionary, { ...endless, signal }))).toBe(mine);
  });

  it('may be aborted while it takes the listener, and may have no reason to give', async () => {
    const signal = brokenSignal();
    signal.addEventListener = () => {
      (signal as { aborted: boolean }).aborted = true;
    };
    expect(await failure(() => unfold(problem.samples, dictionary, { ...endless, signal }))).toBeUndefined();
    const mine = new Error('no reason');
    const silent = brokenSignal();
    Object.defineProperty(silent, 'reason', {
      get() {
        throw mine;
      },
      set() {},
    });
    setTimeout(() => silent.abort('not to be read'), 10);
    expect(await failure(() => unfold(problem.samples, dictionary, { ...endless, signal: silent }))).toBe(
      mine,
    );
  });
});

describe('progress', () => {
  it.each([
    { method: 'lasso', lambda: 0.05 },
    { method: 'fista', lambda: 0.3 },
    { method: 'omp', sparsity: 4 },
  ] as const)('$method: counts samples upwards to the total', async (wanted) => {
    const seen: { done: number; total: number }[] = [];
    await unfold(problem.samples, dictionary, { ...wanted, onProgress: (p) => void seen.push({ ...p }) });
    expect(seen.length).toBeGreaterThan(0);
    seen.forEach((p, i) => {
      expect(p.total).toBe(800);
      expect(p.done).toBeGreaterThanOrEqual(i === 0 ? 0 : (seen[i - 1]?.done ?? 0));
      expect(p.done).toBeLessThanOrEqual(p.total);
    });
    expect(seen.at(-1)).toEqual({ done: 800, total: 800 });
  });

  it('a callback that throws rejects the call with its error, and the library goes on', async () => {
    const mine = new Error('from the callback');
    const throwing = () => {
      throw mine;
    };
    expect(
      await failure(() => unfold(problem.samples, dictionary, { ...options, onProgress: throwing })),
    ).toBe(mine);
    expect((await unfold(problem.samples, dictionary, options)).converged).toBe(true);
  });

  it('a callback may abort, and may start other calls', async () => {
    const controller = new AbortController();
    let nested: Promise<unknown> | undefined;
    const error = await failure(() =>
      unfold(problem.samples, dictionary, {
        lambda: 0.02,
        tolerance: 1e-6,
        threads: 1,
        signal: controller.signal,
        onProgress: ({ done, total }) => {
          nested ??= unfold(problem.samples, dictionary, options);
          unfoldSync({ data: problem.samples.data.slice(0, 64), shape: [1, 64] }, dictionary, options);
          if (done < total) controller.abort('from progress');
        },
      }),
    );
    expect(error === 'from progress' || error === undefined).toBe(true);
    await nested;
  });
});

it('the event loop turns while a job runs', async () => {
  const controller = new AbortController();
  const job = failure(() => unfold(problem.samples, dictionary, { ...endless, signal: controller.signal }));
  let turns = 0;
  while (turns < 20) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  controller.abort('done looking');
  expect(await job).toBe('done looking');
});
