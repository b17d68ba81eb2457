// npm run prebuilds [-- --out FOLDER] [--cuda]: writes prebuilds/<platform>-<arch>/ for this machine, through prebuildify. It moves
// what it finds, so it gets a folder of its own and build/Release stays. With --cuda the CUDA module goes there too, built before
// (npm run build:cuda).
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fail, root } from './tools.mjs';

const { values } = parseArgs({
  options: { out: { type: 'string', default: root }, cuda: { type: 'boolean', default: false } },
});
const out = resolve(values.out);
const folder = join(out, 'prebuilds', `${process.platform}-${process.arch}`);
const cuda = 'unsuperpose_cuda.node';
const built = join(root, 'build', 'Release', cuda);
if (values.cuda && !existsSync(built)) fail(`${built} is not there: run npm run build:cuda first`);
const work = join(root, 'build', 'prebuild');
mkdirSync(work, { recursive: true });
rmSync(folder, { recursive: true, force: true });

const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
const args = ['--napi', '--strip', '--name', 'unsuperpose', '--cwd', work, '--out', out];
if (process.platform === 'linux') args.push('--tag-libc');

// prebuildify starts it through the shell on Windows and as a program elsewhere.
const script = fileURLToPath(new URL('node-gyp.mjs', import.meta.url));
const PREBUILD_NODE_GYP = process.platform === 'win32' ? `"${process.execPath}" "${script}"` : script;
const { status } = spawnSync(process.execPath, [prebuildify, ...args], {
  cwd: root,
  env: { ...process.env, PREBUILD_NODE_GYP },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
if (status === 0 && values.cuda) copyFileSync(built, join(folder, cuda));
