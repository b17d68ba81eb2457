// The oldest system that the Linux binaries run on, read from the symbol versions that they ask for; and what they show.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, runOrThrow, which } from './package.js';

/** Debian 10 and RHEL 8: glibc 2.28, and the libstdc++ of GCC 8. */
const NEWEST: Readonly<Record<string, readonly number[]>> = {
  GLIBC: [2, 28],
  GLIBCXX: [3, 4, 25],
  CXXABI: [1, 3, 11],
  GCC: [7, 0, 0],
};
const LIBRARIES: readonly string[] = [
  'libc.so.6',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
];
const LOADERS = ['ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'];

// A build with sanitizers, in UNSUPERPOSE_BINARY, is not what ships.
const possible =
  process.platform === 'linux' && which('objdump') !== undefined && !process.env.UNSUPERPOSE_BINARY;
if (!possible) console.warn('SKIPPED: the symbol floor is read on Linux, with objdump, from build/Release');

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a module needs besides: nothing, or where old systems have what CUDA's runtime asks for. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  'unsuperpose.node': [],
  'unsuperpose_cuda.node': ['libdl.so.2', 'librt.so.1'],
};
const pathOf = (name: string): string => join(ROOT, 'build', 'Release', name);
const CUDA = pathOf('unsuperpose_cuda.node');
const withCuda = possible && existsSync(CUDA);
if (possible && !withCuda)
  console.warn('SKIPPED: the CUDA module is looked at where it has been built (npm run build:cuda)');

describe.each(Object.entries(MODULES))('build/Release/%s', (name, others) => {
  const there = possible && (name === 'unsuperpose.node' || withCuda);
  const objdump = (flag: string): string[] => runOrThrow('objdump', [flag, pathOf(name)], ROOT).split('\n');

  it.skipIf(!there).each(Object.keys(NEWEST))('asks for no newer %s than the floor', (library) => {
    const floor = NEWEST[library] as readonly number[];
    const wanted = objdump('-T').flatMap((line) => {
      const version = line.match(new RegExp(`\\b${library}_([0-9.]+)`))?.[1];
      return version ? [{ line, version: version.split('.').map(Number) }] : [];
    });
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter(({ version }) => compare(version, floor) > 0).map(({ line }) => line)).toEqual([]);
  });

  it.skipIf(!there)('needs no libraries but the C and C++ run-time', () => {
    const needed = objdump('-p').flatMap((line) => line.match(/^\s+NEEDED\s+(\S+)/)?.[1] ?? []);
    const known = [...LIBRARIES, ...LOADERS, ...others];
    expect(needed.filter((library) => !known.includes(library))).toEqual([]);
  });

  it.skipIf(!there)("shows Node's two entry points and nothing else", () => {
    const shown = objdump('-T').flatMap((line) => {
      const symbol = line.match(/^[0-9a-f]{8,} .* (\S+)$/)?.[1];
      return symbol && !line.includes('*UND*') ? [symbol] : [];
    });
    expect(shown.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
});

// Some compilers have no other libstdc++ than a static one, which defines what compatibility.cpp does.
it.skipIf(!possible)('what is defined for old systems gives way to a static libstdc++', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-static-'));
  const source = join(folder, 'probe.cpp');
  writeFileSync(
    source,
    `#include <vector>
     #include <stdexcept>
     int probe(std::size_t n) { if (n == 7) throw std::length_error("seven"); std::vector<int*> v(n); return int(v.size()); }`,
  );
  const link = (...flags: string[]) =>
    spawnSync(
      process.env.CXX ?? 'c++',
      [
        ...flags,
        '-std=c++20',
        '-O2',
        '-fPIC',
        '-shared',
        source,
        'native/node/compatibility.cpp',
        '-o',
        join(folder, 'probe.so'),
      ],
      { cwd: ROOT, encoding: 'utf8' },
    );
  if (link().status !== 0) return console.warn('SKIPPED: there is no compiler here to link with');
  const { status, stderr } = link('-static-libstdc++');
  if (/cannot find -l/.test(stderr)) return console.warn('SKIPPED: there is no static libstdc++ here');
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

describe.skipIf(!withCuda)('the CUDA module', () => {
  it('is smaller than 6 MB', () => {
    expect(statSync(CUDA).size).toBeLessThan(6e6);
  });

  it('has kernels that keep their registers', () => {
    const text = readFileSync(join(ROOT, 'build', 'cuda', 'kernels.json'), 'utf8');
    const kernels = JSON.parse(text) as { kernel: string; architecture: string; spills: number }[];
    expect(kernels.length).toBeGreaterThan(0);
    expect(kernels.filter(({ spills }) => spills > 0)).toEqual([]);
  });
});
