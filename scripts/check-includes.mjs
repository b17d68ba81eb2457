// npm run lint:includes: a C++ file includes only from its own layer and those below it; napi.h stands in native/node/ alone;
// vectors are scored against rows in native/scoring/ alone; and of the CUDA module the rest sees native/cuda/abi.h alone, while the module
// sees headers of native/core/, scoring/ and solvers/ with the formulas that both work by. And a file that uses the standard library's most common
// names includes their header, or one of ours that does: where headers are precompiled, no compiler would miss it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

/** Headers of the standard library, and names that each of them has. */
const STANDARD = {
  algorithm:
    /\bstd::(sort|stable_sort|nth_element|partial_sort|min|max|clamp|minmax|copy|copy_n|fill|fill_n|transform|reverse|unique|find|find_if|count_if|any_of|all_of|none_of|lower_bound|upper_bound|equal_range|binary_search|max_element|min_element|remove_if|swap_ranges|rotate|merge|is_sorted|make_heap|push_heap|pop_heap|partition)\b/,
  atomic: /\bstd::(atomic|memory_order)/,
  cmath:
    /\bstd::(sqrt|fabs|floor|ceil|isfinite|isnan|isinf|isnormal|signbit|nextafter|ldexp|frexp|fma|copysign|scalbn|ilogb|trunc|llround|lround|nearbyint|rint|cos|sin|log|exp)\b/,
  cstdint: /\bstd::u?int\d+_t\b/,
  cstring: /\bstd::(memcpy|memset|memcmp|memmove|strcmp|strlen)\b/,
  functional: /\bstd::(function|greater|less|ref|hash)\b/,
  limits: /\bstd::numeric_limits\b/,
  map: /\bstd::(map|multimap)\b/,
  memory:
    /\bstd::(unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared|static_pointer_cast|enable_shared_from_this)\b/,
  mutex: /\bstd::(mutex|lock_guard|unique_lock|scoped_lock|once_flag|call_once)\b/,
  numeric: /\bstd::(accumulate|iota|inner_product|partial_sum|gcd|reduce|exclusive_scan)\b/,
  optional: /\bstd::(optional|nullopt)\b/,
  span: /\bstd::span\b/,
  string: /\bstd::(string|to_string)\b/,
  utility: /\bstd::(move|forward|swap|exchange|pair|make_pair|index_sequence)\b/,
  vector: /\bstd::vector\b/,
};

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

const known = new Map();
/** The standard headers that a file includes, by way of ours too. */
function standardOf(path) {
  if (known.has(path)) return known.get(path);
  const found = new Set();
  known.set(path, found);
  const text = readFileSync(path, 'utf8');
  for (const [, name] of text.matchAll(/^#include <(\w+)>/gm)) found.add(name);
  for (const [, target] of text.matchAll(/^#include "([^"]+)"/gm)) {
    const file = join(dirname(path), target);
    if (existsSync(file)) for (const name of standardOf(file)) found.add(name);
  }
  return found;
}

for (const part of ['native', 'test/native', 'test/cuda', 'bench'])
  for (const name of readdirSync(join(root, part), { recursive: true })) {
    // Bodies of levels are included where everything is there.
    if (!/\.([ch]pp|cuh?)$/.test(name) || name.endsWith('-inl.hpp')) continue;
    const path = join(root, part, name);
    const text = readFileSync(path, 'utf8').replace(/\/\/.*$/gm, '');
    for (const [header, names] of Object.entries(STANDARD)) {
      const used = names.exec(text);
      if (used && !standardOf(path).has(header))
        faults.push(`${join(part, name)} uses ${used[0]}, but does not include <${header}>`);
    }
  }

for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exit(1);
