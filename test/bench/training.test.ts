// The benchmark of training steps, at a tiny size: what it says of each row, and that its table has them all. Never a time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { closePeers, startPeers } from '../../bench/peers.js';
import { trainingSection } from '../../bench/report-calls.js';
import type { TrainingResult } from '../../bench/result.js';
import { floorOf, runTraining } from '../../bench/training.js';

const shape = { batch: 32, dims: 16, features: 48, active: 3 };
const architectures = ['topk', 'batchtopk', 'matryoshka', 'jumprelu', 'relu', 'gated', 'matching-pursuit'];
const plan = { shapes: [shape], runs: 2, steps: 2, batches: 3, settling: { batch: 16, steps: 4 } };
const skipped: string[] = [];
const logged: string[] = [];
let folder: string;
let torch = false;
let sgemm = false;
let result: TrainingResult;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'unsuperpose-training-'));
  const peers = await startPeers(skipped);
  sgemm = peers !== undefined;
  torch = sgemm && peers?.hello.missing.torch === undefined;
  try {
    const results = await runTraining(
      { ...plan, folder, wanted: () => true, log: (line) => logged.push(line) },
      peers,
    );
    result = results[0] as TrainingResult;
  } finally {
    closePeers(peers);
  }
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('times a step and an encoding of every architecture, and the peers that there are', () => {
  const own = architectures.flatMap((name) => [`${name} step`, `encode, ${name}`]);
  const peers = torch ? ['torch topk step', 'torch relu step'] : [];
  expect(result.rows.map(({ name }) => name)).toEqual([...own, ...peers]);
  for (const { seconds, sgemms } of result.rows) {
    expect(seconds.raw).toHaveLength(plan.runs);
    expect(sgemms === undefined).toBe(!sgemm);
  }
});

it('says how many features were active in what it timed', () => {
  const l0 = (name: string) => result.rows.find((row) => row.name === name)?.l0;
  expect(l0('topk step')).toBeGreaterThan(0);
  expect(l0('topk step')).toBeLessThanOrEqual(shape.active);
  for (const name of architectures) expect(l0(`${name} step`)).toBeGreaterThan(0);
});

it('says loudly what is absent', () => {
  expect(skipped.some((line) => line.startsWith('torch: ') || line.startsWith('all peers'))).toBe(!torch);
});

it('tells the table each row, its target and the floor', () => {
  const table = trainingSection([result]);
  for (const { name, by } of result.rows)
    expect(table).toContain(by === 'unsuperpose' ? `| **${name}** |` : `| ${name} |`);
  expect(table).toContain('What a topk step cannot do without');
  expect(table).not.toMatch(/NaN|undefined|Infinity/);
  const first = result.rows[0] as TrainingResult['rows'][number];
  const judged = trainingSection([{ ...result, rows: [{ ...first, sgemms: 1.5, target: 1.5 }] }]);
  expect(judged).toContain('≤ 1.5: met');
  expect(trainingSection([{ ...result, rows: [{ ...first, sgemms: 1.6, target: 1.5 }] }])).toContain(
    '≤ 1.5: missed',
  );
});

it('counts the floor: a select as one product, five operations an entry, 28 bytes a parameter', () => {
  expect(floorOf({ batch: 2, dims: 3, features: 5, active: 1 })).toEqual({
    selectMultiplyAdds: 30,
    entryMultiplyAdds: 30,
    adamBytes: 840,
    packingBytes: 120,
  });
});
