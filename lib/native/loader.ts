// Finds and loads the native module. In this order:
//   1. UNSUPERPOSE_BINARY, a path, and then nothing else, where it is set;
//   2. build/Release/unsuperpose.node, a build on this machine (a checkout, or `npx unsuperpose build`);
//   3. prebuilds/<platform>-<arch>/unsuperpose.<libc>.node, what the package ships.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf, UnsuperposeError } from '../call/errors.js';
import { ROOT } from './root.js';

const PREBUILDS = join(ROOT, 'prebuilds');

/** 'glibc' or 'musl' on Linux, '' elsewhere. Takes some milliseconds, so it is asked only where it matters. */
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

function* candidates(): Generator<string> {
  const forced = process.env.UNSUPERPOSE_BINARY;
  if (forced) {
    yield resolve(forced);
    return;
  }
  yield join(ROOT, 'build', 'Release', 'unsuperpose.node');
  const name = ['unsuperpose', libc(), 'node'].filter(Boolean).join('.');
  yield join(PREBUILDS, `${process.platform}-${process.arch}`, name);
}

function shipped(): string {
  const folders = existsSync(PREBUILDS) ? readdirSync(PREBUILDS).sort() : [];
  return folders.length > 0 ? `has prebuilt modules for ${folders.join(', ')}` : 'has no prebuilt modules';
}

/** Loads the native module, or says what was tried and what to do. @throws {UnsuperposeError} `ERR_NATIVE` */
export function loadNative(): unknown {
  const failures: string[] = [];
  let broken = '';
  for (const path of candidates()) {
    if (!existsSync(path)) {
      failures.push(`${path}: not there`);
      continue;
    }
    const module: { exports: unknown } = { exports: {} };
    try {
      process.dlopen(module, path);
    } catch (error) {
      const failure = `${path}: ${messageOf(error)}`;
      failures.push(failure);
      broken ||= failure;
      continue;
    }
    if (broken !== '') process.emitWarning(`unsuperpose loaded ${path}, because of ${broken}`);
    return module.exports;
  }
  const system = [process.platform, process.arch, libc()].filter(Boolean).join('-');
  const advice = process.env.UNSUPERPOSE_BINARY
    ? 'UNSUPERPOSE_BINARY names this file: correct it, or unset it to use what the package has.'
    : `This installation ${shipped()}. To compile one here (it takes a C++20 compiler), run: npx unsuperpose build`;
  throw new UnsuperposeError(
    'ERR_NATIVE',
    `no native module could be loaded for ${system}, Node.js ${process.version}. Tried:\n` +
      `${failures.map((failure) => `  ${failure}`).join('\n')}\n${advice}`,
  );
}
