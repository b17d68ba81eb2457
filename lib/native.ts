// Finds and loads the native module. In this order:
//   1. UNSUPERPOSE_BINARY, a path, where it is set;
//   2. build/Release/unsuperpose.node, a build on this machine (a checkout, or `npx unsuperpose build`);
//   3. prebuilds/<platform>-<arch>/unsuperpose.<libc>.node, what the package ships.
// Both lib/ and dist/ lie one level below the package's root, so the paths are the same from either.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { NativeBinding } from './binding.js';
import { UnsuperposeError } from './errors.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** 'glibc' or 'musl' on Linux, '' elsewhere. */
function libc(): string {
  if (process.platform !== 'linux') return '';
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true; // without it the report may look up every peer's name
  try {
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime ? 'glibc' : 'musl';
  } finally {
    if (before !== undefined) report.excludeNetwork = before;
  }
}

function candidates(): string[] {
  const forced = process.env.UNSUPERPOSE_BINARY;
  if (forced) return [forced];
  const name = ['unsuperpose', libc(), 'node'].filter(Boolean).join('.');
  return [
    `${ROOT}build/Release/unsuperpose.node`,
    `${ROOT}prebuilds/${process.platform}-${process.arch}/${name}`,
  ];
}

/** Loads the native module, or says what was tried and what to do. @throws {UnsuperposeError} `ERR_NATIVE` */
export function loadNative(): NativeBinding {
  const tried: string[] = [];
  for (const path of candidates()) {
    if (!existsSync(path)) {
      tried.push(`  ${path}: not there`);
      continue;
    }
    const module: { exports: unknown } = { exports: {} };
    try {
      process.dlopen(module, path);
      return module.exports as NativeBinding;
    } catch (error) {
      tried.push(`  ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const system = [process.platform, process.arch, libc()].filter(Boolean).join('-');
  throw new UnsuperposeError(
    'ERR_NATIVE',
    `no native module could be loaded for ${system}, Node.js ${process.version}. Tried:\n${tried.join('\n')}\n` +
      'To compile one from the shipped sources (needs a C++20 compiler), run: npx unsuperpose build',
  );
}
