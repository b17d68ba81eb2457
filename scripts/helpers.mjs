// What tsc writes for `using` first asks `this` whether somebody has provided the same. ES modules have no `this`, and Rollup warns of each.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const QUESTION = /\(this && this\.(__addDisposableResource|__disposeResources)\) \|\| /g;

for (const name of readdirSync(dist, { encoding: 'utf8', recursive: true })) {
  if (!name.endsWith('.js')) continue;
  const path = join(dist, name);
  const text = readFileSync(path, 'utf8');
  const mended = text.replace(QUESTION, '');
  if (mended !== text) writeFileSync(path, mended);
}
