#!/usr/bin/env node
// Stands in for node-gyp where prebuildify calls it (PREBUILD_NODE_GYP): the build is CMake's, so neither gyp nor Python
// nor Node's headers are needed. prebuildify's arguments (rebuild --target=… --arch=…) ask for what the build does
// anyway, for this machine; another architecture is refused. The result goes where prebuildify looks for it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, root } from './tools.mjs';

const arch = process.argv.find((argument) => argument.startsWith('--arch='))?.slice('--arch='.length);
if (arch !== undefined && arch !== process.arch)
  fail(`cannot build for ${arch} on ${process.arch}: make this prebuild on such a machine`);

const script = fileURLToPath(new URL('build.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const built = join(root, 'build', 'Release', 'unsuperpose.node');
const wanted = join(process.cwd(), 'build', 'Release', 'unsuperpose.node');
mkdirSync(join(wanted, '..'), { recursive: true });
if (wanted !== built) copyFileSync(built, wanted);
