// npm run demo [-- words…], npm run toy or transformer [-- options]: sets up what is missing or older than its sources, and runs the example.
// A second run with nothing changed installs and builds nothing.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...args] = process.argv.slice(2);
const example = join(root, 'examples', name);
/** What the root's package.json calls each. */
const COMMANDS = { 'word-senses': 'demo', 'toy-model': 'toy', transformer: 'transformer' };
const command = `npm run ${COMMANDS[name]} --`;
const windows = process.platform === 'win32';

if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(readFileSync(join(example, 'help.txt'), 'utf8').replaceAll('COMMAND', command));
  process.exit(0);
}

/** @param {string[]} args @param {string} cwd */
function npm(args, cwd) {
  const { status } = spawnSync(windows ? 'npm.cmd' : 'npm', args, { cwd, stdio: 'inherit', shell: windows });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether node_modules holds what the lock file asks for, by npm's own list of what it installed. @param {string} folder */
function installed(folder) {
  const list = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return false;
  const { packages: present } = JSON.parse(readFileSync(list, 'utf8'));
  const { packages: wanted } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      !path.startsWith('node_modules/') || optional || link || present[path]?.version === version,
  );
}

/** When the newest of these was written: files, and the sources in folders. @param {string[]} paths */
function newest(paths) {
  return Math.max(
    ...paths.flatMap((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
      return readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(ts|mts|cpp|hpp)$/.test(file))
        .map((file) => statSync(join(path, file)).mtimeMs);
    }),
  );
}

/** @param {string} output @param {string[]} sources */
const stale = (output, sources) => !existsSync(output) || newest([output]) < newest(sources);
/** @param {string[]} names */
const ofRoot = (...names) => names.map((file) => join(root, file));

if (!installed(root)) npm(['ci'], root); // builds too
if (stale(join(root, 'build', 'Release', 'unsuperpose.node'), ofRoot('native', 'CMakeLists.txt')))
  npm(['run', '--silent', 'build:native'], root);
if (stale(join(root, 'dist', 'index.js'), ofRoot('lib', 'tsconfig.json', 'tsconfig.build.json')))
  npm(['run', '--silent', 'build:ts'], root);
// Without scripts: the packages need none, and npm would build this one once more.
if (!installed(example)) npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], example);
const stamp = join(example, 'dist', '.built');
const sources = ['src', 'package-lock.json', 'tsconfig.json'].map((file) => join(example, file));
if (stale(stamp, [...sources, join(root, 'dist', 'index.d.ts')])) {
  npm(['run', '--silent', 'build'], example);
  writeFileSync(stamp, '');
}

// Ctrl-C reaches the example as well, which puts the terminal in order before it ends: wait for that.
process.on('SIGINT', () => {});
const child = spawn(process.execPath, [join(example, 'dist', 'main.js'), ...args], {
  cwd: example,
  stdio: 'inherit',
  env: { ...process.env, UNSUPERPOSE_EXAMPLE: command },
});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (status, signal) => {
  process.exitCode = status ?? 128 + (signal ? constants.signals[signal] : 0);
});
