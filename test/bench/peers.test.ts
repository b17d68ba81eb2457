// The processes that peers run in: what they offer, that the answers of a peer are judged, and that one that is absent is said to be.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeArray } from '../../bench/contenders.js';
import {
  findPython,
  type PeerHello,
  type PeerProcess,
  type Prepared,
  startPeer,
} from '../../bench/peer-process.js';
import { makeWorkload } from '../../bench/workloads.js';

const standIn = fileURLToPath(new URL('./stand-in', import.meta.url));
const python = findPython();

function hasSparseArrays(): boolean {
  try {
    execFileSync(python ?? '', ['-c', 'import scipy.sparse'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const spec = { name: 'peers', dims: 16, features: 24, active: 3, samples: 12, seed: 9 };
const lambda = 0.2;
const tolerance = 1e-6;

describe.skipIf(python === undefined || !hasSparseArrays())('SPAMS as a peer, by a stand-in', () => {
  let folder: string;
  let peer: PeerProcess;
  let hello: PeerHello;
  const load = async (nonnegative: boolean): Promise<void> => {
    const work = makeWorkload(spec, () => Float64Array.of(1));
    await peer.ask('load', {
      ...{ dims: spec.dims, features: spec.features, active: spec.active, top: 4 },
      ...{ lambda, tolerance, nonnegative },
      atoms: writeArray(folder, 'atoms.f32', work.atoms),
      samples: writeArray(folder, 'samples.f32', work.samples),
    });
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'unsuperpose-peers-'));
    peer = startPeer(python as string, { PYTHONPATH: standIn });
    hello = await peer.ask<PeerHello>('hello', { bare: false });
  });
  afterAll(() => {
    peer?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is offered with its version', () => {
    expect(hello.missing).not.toHaveProperty('spams');
    expect(hello.versions.spams).toBe('stand-in');
    expect(hello.peers).toContainEqual({ name: 'spams lasso', kind: 'convex' });
    expect(hello.peers).toContainEqual({ name: 'spams omp', kind: 'greedy' });
  });

  it.each([false, true])(
    'solves the lasso that we solve (nonnegative: %s), all samples',
    async (nonnegative) => {
      await load(nonnegative);
      const made = await peer.ask<Prepared>('prepare', { peer: 'spams lasso', budget: 0, fewest: 1 });
      expect(made.samples).toBe(spec.samples);
      expect(Math.max(...made.gap)).toBeLessThanOrEqual(tolerance);
      expect(Math.max(...made.nonzeros)).toBeGreaterThan(0);
      const { seconds } = await peer.ask<{ seconds: number }>('run', { peer: 'spams lasso' });
      expect(seconds).toBeGreaterThan(0);
    },
  );

  it('pursues as the float64 reference does', async () => {
    await load(false);
    const made = await peer.ask<Prepared>('prepare', { peer: 'spams omp', budget: 0, fewest: 1 });
    expect(made.samples).toBe(spec.samples);
    expect(made.sameSupport).toEqual(Array.from({ length: spec.samples }, () => true));
  });
});

it.skipIf(python === undefined)(
  'a peer that is not installed is named as missing, and the rest goes on',
  async () => {
    const peer = startPeer(python as string, { PYTHONPATH: '' });
    try {
      const { peers, missing, versions } = await peer.ask<PeerHello>('hello', { bare: false });
      const offered = peers.some(({ name }) => name.startsWith('spams'));
      expect('spams' in missing).toBe(!offered);
      expect('spams' in versions).toBe(offered);
    } finally {
      peer.close();
    }
  },
);
