// npm run prebuilds [-- --out FOLDER]: writes prebuilds/<platform>-<arch>/ for this machine, through prebuildify. It moves
// what it finds, so it gets a folder of its own and build/Release stays.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './tools.mjs';

const { values } = parseArgs({ options: { out: { type: 'string', default: root } } });
const out = resolve(values.out);
const work = join(root, 'build', 'prebuild');
mkdirSync(work, { recursive: true });
rmSync(join(out, 'prebuilds', `${process.platform}-${process.arch}`), { recursive: true, force: true });

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
