// Finds and loads the native module. In this order:
//   1. UNSUPERPOSE_BINARY, a path, and then nothing else, where it is set;
//   2. build/Release/unsuperpose.node, a build on this machine (a checkout, or `npx unsuperpose build`);
//   3. prebuilds/<platform>-<arch>/unsuperpose.<libc>.node, what the package ships.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as zlib from 'node:zlib';
import { messageOf, UnsuperposeError } from '../call/errors.js';
import { HERE, ROOT } from './root.js';

const prebuilds = (root: string): string => join(root, 'prebuilds');

const BUNDLED =
  'keep unsuperpose out of the bundle, and install it where the bundle runs, or let UNSUPERPOSE_BINARY name its module (a file of the ' +
  "package's prebuilds/). esbuild and Bun: external: ['unsuperpose']; Rollup and Vite: external: ['unsuperpose']; webpack: externals: " +
  "{ unsuperpose: 'commonjs unsuperpose' }; Next.js: serverExternalPackages: ['unsuperpose']";

const NOT_WHOLE =
  'This copy of the package is not whole: what made it took only the files that it saw were needed. Let it take prebuilds/ too. ' +
  "Next.js: outputFileTracingIncludes: { '/*': ['./node_modules/unsuperpose/prebuilds/**'] }";

const ARCHIVED =
  'The module lies in an archive, and the system loads none from there: have the package unpacked. Yarn does that, unless package.json ' +
  'says dependenciesMeta: { unsuperpose: { unplugged: false } }';

const NO_ADDONS =
  'Node.js was told to load no native modules: start it with --allow-addons beside --permission, and without --no-addons';

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
  if (ROOT === undefined) return;
  yield join(ROOT, 'build', 'Release', 'unsuperpose.node');
  const name = ['unsuperpose', libc(), 'node'].filter(Boolean).join('.');
  yield join(prebuilds(ROOT), `${process.platform}-${process.arch}`, name);
}

/** The prebuilt modules that an installation has, by platform and, on Linux, C library. */
function shipped(root: string): string {
  const folder = prebuilds(root);
  const found = existsSync(folder) ? readdirSync(folder).sort() : [];
  const names = found.flatMap((system) => {
    const kinds = readdirSync(join(folder, system)).flatMap((file) => {
      const match = /^unsuperpose(?:\.(\w+))?\.node$/.exec(file);
      return match === null ? [] : [[system, match[1]].filter(Boolean).join('-')];
    });
    return kinds.length > 0 ? kinds : [system];
  });
  return names.length > 0 ? `has prebuilt modules for ${names.join(', ')}` : 'has no prebuilt modules';
}

/** What to do next, after nothing loaded. `last` is the error of the last file that was there. */
function advice(system: string, last: unknown): string {
  if ((last as { code?: unknown } | undefined)?.code === 'ERR_DLOPEN_DISABLED') return NO_ADDONS;
  if (process.env.UNSUPERPOSE_BINARY)
    return 'UNSUPERPOSE_BINARY names this file: correct it, or unset it to use what the package has.';
  if (ROOT === undefined)
    return `This code was bundled into ${HERE}, away from its native module: ${BUNDLED}`;
  if (last !== undefined && /\.zip[\\/]/.test(ROOT)) return ARCHIVED;
  if (last === undefined && !existsSync(join(ROOT, 'scripts', 'build.mjs'))) return NOT_WHOLE;
  const musl = system.endsWith('musl')
    ? ' Systems with musl (Alpine) have no prebuilt module in this version.'
    : '';
  return `This installation ${shipped(ROOT)}.${musl} To compile one here (it takes a C++20 compiler), run: npx unsuperpose build`;
}

/** Loads the native module, or says what was tried and what to do. @throws {UnsuperposeError} `ERR_NATIVE` */
export function loadNative(): unknown {
  // What the package uses of newer ones: without it, calls would fail later.
  if (typeof zlib.crc32 !== 'function')
    throw new UnsuperposeError(
      'ERR_NATIVE',
      `unsuperpose needs Node.js 20.19, 22.12 or newer, and this is ${process.version}`,
    );
  const failures: string[] = [];
  let broken = '';
  let last: unknown;
  for (const path of candidates()) {
    if (!existsSync(path)) {
      failures.push(`${path}: not there`);
      continue;
    }
    const module: { exports: unknown } = { exports: {} };
    try {
      process.dlopen(module, path);
    } catch (error) {
      last = error;
      const failure = `${path}: ${messageOf(error)}`;
      failures.push(failure);
      broken ||= failure;
      continue;
    }
    if (broken !== '') process.emitWarning(`unsuperpose loaded ${path}, because of ${broken}`);
    return module.exports;
  }
  const system = [process.platform, process.arch, libc()].filter(Boolean).join('-');
  const tried =
    failures.length === 0 ? '' : ` Tried:\n${failures.map((failure) => `  ${failure}`).join('\n')}`;
  throw new UnsuperposeError(
    'ERR_NATIVE',
    `no native module could be loaded for ${system}, Node.js ${process.version}.${tried}\n${advice(system, last)}`,
  );
}
