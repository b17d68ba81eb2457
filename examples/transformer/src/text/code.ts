// Lines of JavaScript: text unlike any that the features were learned from. They are those of the library that draws the report.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export function readCodeLines(): string[] {
  const folder = dirname(createRequire(import.meta.url).resolve('@observablehq/plot'));
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .sort()
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
}
