// A file is written whole or not at all.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { replaceFile } from '../../lib/files/replace.js';
import { files } from '../../lib/index.js';
import { refused } from './fixtures.js';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'unsuperpose-replace-')));
afterAll(() => rmSync(top, { recursive: true, force: true }));
let made = 0;
function folder(): string {
  const path = join(top, String(made++));
  mkdirSync(path);
  return path;
}

const matrix = (rows: number) => ({ data: new Float32Array(rows * 1024).fill(1), shape: [rows, 1024] });

describe('what was there stays, and nothing is left beside it', () => {
  it.each<[string, () => never]>([
    [
      'a full disk',
      () => {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
          syscall: 'write',
        });
      },
    ],
    [
      'an error of the writer',
      () => {
        throw new TypeError('mine');
      },
    ],
  ])('after %s in the middle', async (_, fail) => {
    const path = join(folder(), 'a.npy');
    writeFileSync(path, 'before');
    const error: unknown = await replaceFile(path, async (sink) => {
      await sink.write(Buffer.alloc(100_000));
      expect(readdirSync(dirname(path))).toHaveLength(2);
      fail();
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(dirname(path))).toEqual(['a.npy']);
  });

  it('a full disk is told as such', async () => {
    const cause = Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write' });
    const work = () =>
      replaceFile(join(folder(), 'a.npy'), async () => {
        throw cause;
      });
    await refused(work, 'ERR_FILE', /a\.npy cannot be written: the disk is full \(ENOSPC\)/);
    await expect(work()).rejects.toMatchObject({ cause });
  });

  it('after a signal in the middle, or before', async () => {
    const path = join(folder(), 'a.npy');
    writeFileSync(path, 'before');
    const stop = new AbortController();
    const reason = new Error('enough');
    const written = files.writeMatrix(path, matrix(16_384), { signal: stop.signal });
    const seen = setInterval(() => {
      if (readdirSync(dirname(path)).length > 1) stop.abort(reason);
    }, 1);
    await expect(written.finally(() => clearInterval(seen))).rejects.toBe(reason);
    await expect(files.writeMatrix(path, matrix(1), { signal: stop.signal })).rejects.toBe(reason);
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(dirname(path))).toEqual(['a.npy']);
  });

  it.skipIf(process.platform === 'win32')('on a disk that is really full', async () => {
    // A link to a device that takes nothing: its folder is the one of the link's target, where nothing can be made.
    await refused(
      () => files.writeMatrix('/dev/full/a.npy', matrix(1)),
      'ERR_FILE',
      /a\.npy cannot be written: /,
    );
  });

  it('where there is no such folder', async () => {
    await refused(
      () => files.writeMatrix(join(top, 'no', 'a.npy'), matrix(1)),
      'ERR_FILE',
      /there is no such file/,
    );
  });
});

it('no reader ever sees a part: killed at any time, the file is the old one or the new one', async () => {
  const path = join(folder(), 'a.npy');
  await files.writeMatrix(path, matrix(1));
  const script = `
    const { files } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)});
    const rows = 2048;
    const matrix = { data: new Float32Array(rows * 1024).fill(2), shape: [rows, 1024] };
    process.stdout.write('.');
    for (;;) await files.writeMatrix(${JSON.stringify(path)}, matrix);
  `;
  for (let attempt = 0; attempt < 5; attempt++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((begun) => child.stdout.once('data', begun));
    await new Promise((later) => setTimeout(later, 3 + 7 * attempt));
    const gone = new Promise((end) => child.once('exit', end));
    child.kill('SIGKILL');
    await gone;
    const { data, shape } = await files.readMatrix(path);
    expect([1, 2048]).toContain(shape[0]);
    expect(new Set(data)).toEqual(new Set([shape[0] === 1 ? 1 : 2]));
  }
  await files.writeMatrix(path, matrix(1));
  expect(readdirSync(dirname(path))).toEqual(['a.npy']);
});

it('what a killed process left is removed by the next write, and nothing else is', async () => {
  const here = folder();
  const path = join(here, 'a.npy');
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const left = (name: string, host: string, pid: number) => `.${name}.${host}.${pid}-0123456789ab.tmp`;
  const stale = left('a.npy', hostname(), gone);
  const kept = [
    left('a.npy', hostname(), process.ppid), // which lives
    left('a.npy', `${hostname()}x`, gone), // of another machine
    left('b.npy', hostname(), gone), // of another file
    `${stale}.npy`,
  ];
  for (const name of [stale, ...kept]) writeFileSync(join(here, name), '');
  await files.writeMatrix(path, matrix(1));
  expect(readdirSync(here).sort()).toEqual(['a.npy', ...kept].sort());
});

it.skipIf(process.platform === 'win32')('a link stays a link, and permissions stay', async () => {
  const here = folder();
  const [path, link] = [join(here, 'a.npy'), join(here, 'link.npy')];
  writeFileSync(path, '');
  chmodSync(path, 0o640);
  symlinkSync(path, link);
  await files.writeMatrix(link, matrix(1));
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect((await files.readMatrix(path)).shape).toEqual([1, 1024]);
  expect(readdirSync(here).sort()).toEqual(['a.npy', 'link.npy']);
});

it('a folder is not replaced', async () => {
  const path = join(folder(), 'a.npy');
  mkdirSync(path);
  await refused(
    () => files.writeMatrix(path, matrix(1)),
    'ERR_FILE',
    /a\.npy cannot be written: it is a folder/,
  );
  expect(readdirSync(dirname(path))).toEqual(['a.npy']);
});

it("needs no `sync` of file handles, which those of Yarn's Plug'n'Play lack", async () => {
  const path = join(folder(), 'a.npy');
  const handle = await open(import.meta.filename);
  await handle.close();
  const lacking = vi.spyOn(Object.getPrototypeOf(handle), 'sync').mockImplementation(() => {
    throw new Error('Method not implemented.');
  });
  try {
    await files.writeMatrix(path, matrix(2));
  } finally {
    lacking.mockRestore();
  }
  expect((await files.readMatrix(path)).shape).toEqual([2, 1024]);
});
