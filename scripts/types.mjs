// One set of declarations for both ways to load the package. tsc writes a .d.ts beside each file of dist/; here they become .d.cts, which
// TypeScript lets CommonJS and ES modules import alike, and index.d.ts hands on all that index.d.cts exports. So a Dictionary that was
// required and one that was imported have the same type, as they have the same class.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

for (const name of readdirSync(dist, { encoding: 'utf8', recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const path = join(dist, name);
  const target = path.replace(/\.d\.ts$/, '.d.cts');
  const text = readFileSync(path, 'utf8').replace(/(['"])(\.{1,2}\/[^'"]+)\.js\1/g, '$1$2.cjs$1');
  renameSync(path, target);
  writeFileSync(target, text);
}
writeFileSync(join(dist, 'index.d.ts'), "export * from './index.cjs';\n");
