// Writes prebuilds/<platform>-<arch>/ for this machine, through prebuildify. The build stays in build/Release too.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
const args = [prebuildify, '--napi', '--strip'];
if (process.platform === 'linux') args.push('--tag-libc');
const env = { ...process.env, PREBUILD_NODE_GYP: fileURLToPath(new URL('node-gyp.mjs', import.meta.url)) };
let { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
// prebuildify moves its result out of build/Release: put a checkout's own build back.
if (status === 0)
  ({ status } = spawnSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url))], {
    stdio: 'inherit',
  }));
process.exitCode = status ?? 1;
