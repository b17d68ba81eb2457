// npm run lint:includes: a C++ file includes only from its own layer and those below it; napi.h stands in native/node/ alone;
// vectors are scored against rows in native/scoring/ alone; and of the CUDA module the rest sees native/cuda/abi.h alone, while the module
// sees headers of native/core/, scoring/ and solvers/ with the formulas that both work by.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './tools.mjs';

/** From the bottom up. */
const LAYERS = ['core', 'kernels', 'scoring', 'solvers', 'learning', 'features', 'node'];
/**
 * Products without a bound or a ladder: plain matrices of ops, the assignment's gains, A · D of a learner's update, cosines that it draws atoms by, linear connections, D · DᵀD
 * of a gradient, layers of unrolled networks.
 */
const PLAIN_PRODUCTS = [
  'native/node/ops.cpp',
  'native/features/matching.cpp',
  'native/learning/nearly_orthogonal.cpp',
  'native/learning/online_start.cpp',
  'native/learning/online_update.cpp',
  'native/learning/autoencoder_skip.cpp',
  'native/learning/lista_network.cpp',
  'native/learning/lista_start.cpp',
];

const native = join(root, 'native');
const folderOf = (path) => relative(native, path).split(/[\\/]/)[0];
const layerOf = (path) => LAYERS.indexOf(folderOf(path));
/** The CUDA module's sources; the page of them that the rest includes; and the layers whose headers they include. */
const DEVICES = 'cuda';
const SEEN = ['core', 'scoring', 'solvers'];
const SHARED = join(native, DEVICES, 'abi.h');
const faults = [];

for (const name of readdirSync(native, { recursive: true })) {
  if (!/\.([ch]pp|h|cuh?)$/.test(name)) continue;
  const path = join(native, name);
  const shown = relative(root, path).replaceAll('\\', '/');
  const layer = layerOf(path);
  const onDevices = folderOf(path) === DEVICES;
  if (layer < 0 && !onDevices)
    faults.push(
      `${shown}: native/${folderOf(path)}/ is no layer; there are ${LAYERS.join(', ')}, ${DEVICES}`,
    );
  const text = readFileSync(path, 'utf8');
  for (const [, target] of text.matchAll(/^#include "([^"]+)"/gm)) {
    const file = join(dirname(path), target);
    if (
      folderOf(file) === DEVICES ? !onDevices && file !== SHARED : onDevices && !SEEN.includes(folderOf(file))
    )
      faults.push(`${shown} includes ${target}, across the border of the CUDA module`);
    if (onDevices) continue;
    const included = layerOf(file);
    if (included > layer) faults.push(`${shown} includes ${target}, of a layer above its own`);
  }
  if (/#include <napi\.h>/.test(text) && LAYERS[layer] !== 'node') faults.push(`${shown} includes napi.h`);
  const scores = /\bproduct::(store|select|above|max)\(/.test(text);
  if (scores && layer > LAYERS.indexOf('scoring') && !PLAIN_PRODUCTS.includes(shown))
    faults.push(`${shown} multiplies all rows by itself: native/scoring/ does that, with a bound`);
}

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
