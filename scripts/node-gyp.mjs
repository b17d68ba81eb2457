#!/usr/bin/env node
// Stands in for node-gyp where prebuildify calls it (PREBUILD_NODE_GYP): the build is CMake's, so neither gyp nor
// Python nor Node's headers are needed. prebuildify's arguments (rebuild --target=… --arch=…) ask for what
// the build does anyway, for this machine; another architecture is refused.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const arch = process.argv.find((argument) => argument.startsWith('--arch='))?.slice('--arch='.length);
if (arch !== undefined && arch !== process.arch) {
  console.error(`cannot build for ${arch} on ${process.arch}: run prebuildify on such a machine`);
  process.exit(1);
}
const script = fileURLToPath(new URL('build.mjs', import.meta.url));
process.exitCode = spawnSync(process.execPath, [script], { stdio: 'inherit' }).status ?? 1;
