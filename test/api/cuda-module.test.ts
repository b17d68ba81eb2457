// The CUDA module found, loaded, asked and refused: a stand-in for it, whose devices are made up.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { entry, run } from './package-process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STAND_IN = join(mkdtempSync(join(tmpdir(), 'unsuperpose-stand-in-')), 'unsuperpose_cuda.node');

const compiled =
  process.platform === 'linux' &&
  spawnSync(
    process.env.CXX ?? 'c++',
    [
      // -z nodelete as the module itself has it: it must outlast a worker that loaded it first.
      ...['-std=c++20', '-shared', '-fPIC', '-Wl,-z,nodelete', '-DNAPI_VERSION=8', '-o', STAND_IN],
      ...['-isystem', join(ROOT, 'node_modules', 'node-api-headers', 'include')],
      ...['test/api/cuda-stand-in.cpp', 'native/cuda/node_entry.cpp'],
    ],
    { cwd: ROOT, stdio: 'inherit' },
  ).status === 0;
if (!compiled) console.warn('SKIPPED: a stand-in for the CUDA module is compiled on Linux, by c++');

const TO_BUILD = 'UNSUPERPOSE_CUDA_BINARY names it: correct it, or unset it to use what the package has';

/** Runs `body` in a process whose module has this fault; answers what it logged, as JSON. */
function ask(fault: string, body: string, env: Record<string, string | undefined> = {}): unknown {
  const { status, out, err } = run(
    `const log = (value) => console.log(JSON.stringify(value ?? null));
     const code = (call) => { try { return call(); } catch (error) { return [error.code, error.argument, error.message]; } };
     const dictionary = pkg.Dictionary.from(matrix(6, 4, 1));
     ${body}`,
    {
      ...{ UNSUPERPOSE_CUDA_BINARY: STAND_IN, STAND_IN: fault },
      ...{ UNSUPERPOSE_DEVICE: undefined, CUDA_VISIBLE_DEVICES: undefined, ...env },
    },
  );
  expect(status, err).toBe(0);
  return JSON.parse(out);
}
const MAXIMUM = (device: string): string =>
  `log(code(() => pkg.ops.maximum(matrix(2, 4, 3), dictionary, { device: ${JSON.stringify(device)} }).length))`;

describe.skipIf(!compiled)('a CUDA module', () => {
  it('is loaded when it is asked, and not before', () => {
    const loaded = "process.report.getReport().sharedObjects.some((path) => path.includes('stand-in'))";
    const body = `
      const found = [${loaded}];
      const about = pkg.info();
      pkg.unfoldSync(matrix(2, 4, 3), dictionary, { lambda: 0.1, device: 'auto' });
      found.push(${loaded});
      about.cuda;
      found.push(${loaded});
      log(found)`;
    expect(ask('', body)).toEqual([false, false, true]);
  });

  it('lists its devices, and says of each that cannot be used why', () => {
    const memory = 80 * 2 ** 30;
    const old = 'CUDA device 0 has compute capability 7.5, the kernels need 8.0 or newer';
    expect(ask('', 'log(pkg.info().cuda)')).toEqual({
      available: true,
      driver: '13.1',
      runtime: '12.8',
      devices: [
        { index: 0, name: 'Old', computeCapability: '7.5', memory, emulated: false, reason: old },
        { index: 1, name: 'Emulated', computeCapability: '9.0', memory, emulated: true },
        { index: 2, name: 'Fine', computeCapability: '9.0', memory, free: 79 * 2 ** 30, emulated: false },
      ],
    });
    expect(ask('', MAXIMUM('cuda'))).toEqual([
      'ERR_NO_DEVICE',
      'device',
      `device cuda:0 (Old) cannot be used: ${old}`,
    ]);
  });

  it('has no device of another number', () => {
    const there = 'there is no device cuda:3; there are: cuda:0 (Old), cuda:1 (Emulated), cuda:2 (Fine)';
    expect(ask('', MAXIMUM('cuda:3'))).toEqual(['ERR_NO_DEVICE', 'device', there]);
    expect(ask('', MAXIMUM('cuda:3'), { CUDA_VISIBLE_DEVICES: '0,1,2' })).toEqual([
      'ERR_NO_DEVICE',
      'device',
      `${there}, as far as CUDA_VISIBLE_DEVICES shows them`,
    ]);
  });

  it.each(['next-version', 'short-table'])('that was built for another table (%s) is refused', (fault) => {
    const [code, argument, message] = ask(fault, MAXIMUM('cuda:2')) as string[];
    expect([code, argument]).toEqual(['ERR_NATIVE', 'device']);
    expect(message).toMatch(
      /the CUDA module's table has version \d of \d+ bytes, this build needs version \d of \d+ bytes: the two were not built together/,
    );
    expect(message).toContain(TO_BUILD);
    expect(ask(fault, 'log(pkg.info().cuda.available)')).toBe(false);
    expect(ask(fault, MAXIMUM('auto'))).toBe(2);
  });

  it('without a driver says what it takes, and what hides devices', () => {
    const [code, argument, message] = ask('no-driver', MAXIMUM('cuda')) as string[];
    expect([code, argument]).toEqual(['ERR_NO_DEVICE', 'device']);
    expect(message).toMatch(
      /^no CUDA device can be used: no NVIDIA driver is installed\. It takes an NVIDIA GPU .* nvidia-smi shows both/,
    );
    const hidden = ask('empty', MAXIMUM('cuda'), { CUDA_VISIBLE_DEVICES: '' }) as string[];
    expect(hidden[0]).toBe('ERR_NO_DEVICE');
    expect(hidden[2]).toMatch(
      /^no CUDA device can be used: the CUDA driver shows no device\. CUDA_VISIBLE_DEVICES is "" here, which hides/,
    );
    expect(ask('no-driver', 'log(pkg.info().cuda.reason)')).toBe(message);
  });

  it.each([
    ['broken', 'the driver failed'],
    ['say-nothing', 'the CUDA device failed'],
  ])('with a driver that fails (%s) leaves the CPU as it is', (fault, why) => {
    expect(ask(fault, MAXIMUM('cuda'))).toEqual([
      'ERR_NATIVE',
      'device',
      `no CUDA device can be used: ${why}`,
    ]);
    expect(ask(fault, MAXIMUM('auto'))).toBe(2);
    expect(ask(fault, MAXIMUM('cpu'))).toBe(2);
  });

  it('is one a process: a second is refused, the first stays', () => {
    const other = join(STAND_IN, '..', 'other.node');
    copyFileSync(STAND_IN, other);
    const body = `
      const first = pkg.info().cuda.available;
      process.env.UNSUPERPOSE_CUDA_BINARY = ${JSON.stringify(other)};
      const second = pkg.info().cuda;
      process.env.UNSUPERPOSE_CUDA_BINARY = ${JSON.stringify(STAND_IN)};
      log([first, second.available, second.reason, pkg.info().cuda.available])`;
    const [first, second, reason, again] = ask('', body) as unknown[];
    expect([first, second, again]).toEqual([true, false, true]);
    expect(reason).toContain('another CUDA module is in use in this process');
  });

  it('is shared by the workers of a process, which may end before it', () => {
    const body = `
      const { Worker } = await import('node:worker_threads');
      const source = \`
        import { parentPort } from 'node:worker_threads';
        const pkg = await import(${JSON.stringify(entry)});
        parentPort.postMessage(pkg.info().cuda.devices.length);
      \`;
      const ask = () => new Promise((resolve, reject) =>
        new Worker(source, { eval: true }).once('message', resolve).once('error', reject));
      log([...(await Promise.all([ask(), ask()])), pkg.info().cuda.devices.length, await ask()])`;
    expect(ask('', body)).toEqual([3, 3, 3, 3]);
  });
});

describe.skipIf(!compiled)("device 'auto'", () => {
  const resources = new URL('../../dist/native/resources.js', import.meta.url).href;
  const choose = (fault: string, calls: string): unknown =>
    ask(
      fault,
      `const { resources, WORTH_A_DEVICE } = await import(${JSON.stringify(resources)}); log(${calls})`,
    );

  it('takes the first device that is one, where the work pays', () => {
    expect(
      choose(
        '',
        "[resources(5, 'auto', WORTH_A_DEVICE), resources(5, 'auto', WORTH_A_DEVICE - 1), WORTH_A_DEVICE]",
      ),
    ).toEqual([{ threads: 5, device: 2 }, 5, 2 ** 34]);
    expect(choose('', "[resources(5, 'cpu', 1e99), resources(5, 1, 1), resources(5, 2, 0)]")).toEqual([
      5,
      { threads: 5, device: 1 },
      { threads: 5, device: 2 },
    ]);
  });

  it.each(['no-driver', 'broken', 'empty', 'next-version'])('and else the CPU: %s', (fault) => {
    expect(choose(fault, "resources(5, 'auto', 1e99)")).toBe(5);
  });
});
