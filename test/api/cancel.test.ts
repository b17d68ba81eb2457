// AbortSignal and progress. No test here asserts a time: a job that is aborted must settle, that is all.
import { describe, expect, it } from 'vitest';
import { Dictionary, unfold, unfoldSync } from '../../lib/index.js';
import { coherent } from '../reference/problems.js';
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
