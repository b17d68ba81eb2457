// The oldest system that the Linux binary runs on, read from the symbol versions that it asks for; and what it shows.
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
const LIBRARIES = ['libc.so.6', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6'];
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

describe.skipIf(!possible)('build/Release/unsuperpose.node', () => {
  const objdump = (flag: string): string[] =>
    runOrThrow('objdump', [flag, join(ROOT, 'build', 'Release', 'unsuperpose.node')], ROOT).split('\n');

  it.each(Object.keys(NEWEST))('asks for no newer %s than the floor', (library) => {
    const floor = NEWEST[library] as readonly number[];
    const wanted = objdump('-T').flatMap((line) => {
      const version = line.match(new RegExp(`\\b${library}_([0-9.]+)`))?.[1];
      return version ? [{ line, version: version.split('.').map(Number) }] : [];
    });
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter(({ version }) => compare(version, floor) > 0).map(({ line }) => line)).toEqual([]);
  });

  it('needs no libraries but the C and C++ run-time', () => {
    const needed = objdump('-p').flatMap((line) => line.match(/^\s+NEEDED\s+(\S+)/)?.[1] ?? []);
    expect(needed.filter((name) => ![...LIBRARIES, ...LOADERS].includes(name))).toEqual([]);
  });

  it("shows Node's two entry points and nothing else", () => {
    const shown = objdump('-T').flatMap((line) => {
      const name = line.match(/^[0-9a-f]{8,} .* (\S+)$/)?.[1];
      return name && !line.includes('*UND*') ? [name] : [];
    });
    expect(shown.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
});
