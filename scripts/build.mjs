// Compiles the native module into build/Release/unsuperpose.node, through cmake-js. Used by the npm scripts, by
// binding.gyp, by prebuildify and by `npx unsuperpose build`.
//   --cuda            then builds the CUDA module too (build-cuda.mjs), as does UNSUPERPOSE_CUDA=1 in the environment
//   --sanitize LIST   instead builds with these sanitizers (address, undefined, thread) into build/sanitize-<LIST>
//   --configure       only makes the build folder
//   --folder NAME     builds in build/NAME instead
// All other arguments go to cmake-js, for example --cxx clang++.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { buildFolder, fail, provideTools, root, takeFolder, takeSanitizers, versionOf } from './tools.mjs';

const COMPILER_HINT = 'GCC 12 or Clang 14, or newer';

function requireCompiler() {
  if (process.platform === 'win32') return; // cmake-js looks for Visual Studio itself
  if (!['ninja', 'make'].some(versionOf))
    fail('neither ninja nor make is on the PATH: install one of them (Debian: apt-get install make)');
  if (!process.env.CXX && !['c++', 'g++', 'clang++'].some(versionOf))
    fail(`no C++ compiler is on the PATH: install ${COMPILER_HINT} (Debian: apt-get install g++)`);
}

/** CMake keeps what it once found out; forget it when the build is asked for differently. @param {string} out @param {string[]} command */
function forgetStaleCache(out, command) {
  const { CXX, CXXFLAGS, LDFLAGS } = process.env;
  const asked = JSON.stringify([command, versionOf('cmake'), CXX, CXXFLAGS, LDFLAGS]);
  const stamp = join(out, 'asked.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === asked) return;
  rmSync(join(out, 'CMakeCache.txt'), { force: true });
  rmSync(join(out, 'CMakeFiles'), { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(stamp, asked);
}

const { sanitize, rest: given } = takeSanitizers(process.argv.slice(2));
const { folder, rest: asked } = takeFolder(given);
const rest = asked.filter((option) => option !== '--cuda' && option !== '--configure');
const cuda = asked.includes('--cuda') || process.env.UNSUPERPOSE_CUDA === '1';
const task = asked.includes('--configure') ? 'configure' : 'build';
requireCompiler();
const { cmakeJs, nodeAddonApi, cmake } = provideTools();
const out = folder ? join(root, 'build', folder) : buildFolder(sanitize);
const command = [join(cmakeJs, 'bin', 'cmake-js'), task, '--directory', root, '--out', out];
command.push('--log-level', 'warn', '--parallel', String(availableParallelism()));
command.push(`--CDUNSUPERPOSE_NODE_ADDON_API=${nodeAddonApi}`);
if (sanitize) command.push(`--CDUNSUPERPOSE_SANITIZE=${sanitize}`);
if (cmake !== 'cmake') command.push('--cmake-path', cmake);
command.push(...rest);

forgetStaleCache(out, command);
const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' });
if (status !== 0) fail(`the compilation failed (see above). It needs a C++20 compiler: ${COMPILER_HINT}.`);

if (cuda && !sanitize && task === 'build') {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-cuda.mjs')], { stdio: 'inherit' });
  process.exitCode = built.status ?? 1;
}
