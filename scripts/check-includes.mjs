// npm run lint:includes: a C++ file includes only from its own layer and those below it; napi.h stands in native/node/ alone; and
// vectors are scored against rows in native/scoring/ alone.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './tools.mjs';

/** From the bottom up. */
const LAYERS = ['core', 'kernels', 'scoring', 'solvers', 'learning', 'features', 'node'];
/** Products without a bound or a ladder: plain matrices of ops, the assignment's gains, A · Dᵀ of a learner's update. */
const PLAIN_PRODUCTS = [
  'native/node/ops.cpp',
  'native/features/matching.cpp',
  'native/learning/online_update.cpp',
];

const native = join(root, 'native');
const layerOf = (path) => LAYERS.indexOf(relative(native, path).split(/[\\/]/)[0]);
const faults = [];

for (const name of readdirSync(native, { recursive: true })) {
  if (!/\.[ch]pp$/.test(name)) continue;
  const path = join(native, name);
  const shown = relative(root, path).replaceAll('\\', '/');
  const layer = layerOf(path);
  if (layer < 0)
    faults.push(`${shown}: native/${name.split(/[\\/]/)[0]}/ is no layer; there are ${LAYERS.join(', ')}`);
  const text = readFileSync(path, 'utf8');
  for (const [, target] of text.matchAll(/^#include "([^"]+)"/gm)) {
    const included = layerOf(join(dirname(path), target));
    if (included > layer) faults.push(`${shown} includes ${target}, of a layer above its own`);
  }
  if (/#include <napi\.h>/.test(text) && LAYERS[layer] !== 'node') faults.push(`${shown} includes napi.h`);
  const scores = /\bproduct::(store|select|above|max)\(/.test(text);
  if (scores && layer > LAYERS.indexOf('scoring') && !PLAIN_PRODUCTS.includes(shown))
    faults.push(`${shown} multiplies all rows by itself: native/scoring/ does that, with a bound`);
}

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
