// What npm fetches for a checkout is what was once seen: every package of every lock file has its hash, and comes from the public
// registry or from this checkout. What installs in scripts goes by the lock files.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './package.js';

interface Locked {
  integrity?: string;
  resolved?: string;
  link?: boolean;
}

const locks = execFileSync('git', ['ls-files', '*package-lock.json', '*npm-shrinkwrap.json'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n');

it('there is a lock file for the checkout and for each example', () => {
  for (const file of [
    'package-lock.json',
    'examples/toy-model/package-lock.json',
    'examples/transformer/package-lock.json',
    'examples/word-senses/package-lock.json',
  ])
    expect(locks).toContain(file);
});

describe.each(locks)('%s', (file) => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const fetched = Object.entries(packages).filter(
    ([path, { link }]) => path.startsWith('node_modules/') && !link,
  );

  it('has a strong hash for every package', () => {
    expect(fetched.length).toBeGreaterThan(50);
    const unverified = fetched.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''));
    expect(unverified.map(([path]) => path)).toEqual([]);
  });

  it('names no package outside the checkout, and no registry but the public one', () => {
    const outside = Object.keys(packages).filter((path) => path.startsWith('../../node_modules'));
    expect(outside).toEqual([]);
    const elsewhere = Object.entries(packages).filter(
      ([, { resolved }]) =>
        resolved !== undefined && resolved !== '../..' && !resolved.startsWith('https://registry.npmjs.org/'),
    );
    expect(elsewhere).toEqual([]);
  });
});

it('scripts install what the lock files say, not what is newest', () => {
  for (const file of ['.ci/run', 'scripts/demo.mjs']) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    expect(text, file).toMatch(/npm ci|\['ci'/);
    expect(text, file).not.toMatch(/npm install|\['install'/);
  }
});
