// npm run demo [-- words…], npm run toy [-- options]: builds the package if it is not built, sets up the example, and runs it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...args] = process.argv.slice(2);
const example = join(root, 'examples', name);
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(args, cwd) {
  const { status } = spawnSync(npm, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(root, 'node_modules'))) run(['install'], root);
if (
  !existsSync(join(root, 'build', 'Release', 'unsuperpose.node')) ||
  !existsSync(join(root, 'dist', 'index.js'))
)
  run(['run', 'build'], root);
run(['install', '--no-audit', '--no-fund'], example);
run(['start', '--silent', '--', ...args], example);
