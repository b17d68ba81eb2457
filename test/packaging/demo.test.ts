// The demos' command, on a small checkout of its own with an npm that only notes what it was asked for.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT, run } from './package.js';

/** Notes its arguments, and leaves behind what the real one would. */
const NPM = `#!/usr/bin/env node
const { appendFileSync, copyFileSync, mkdirSync, writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
const inExample = process.cwd().includes('examples');
appendFileSync(process.env.NOTES, (inExample ? 'example: ' : '') + args.join(' ') + '\\n');
const write = (file, text = '') => {
  mkdirSync(file.split('/').slice(0, -1).join('/'), { recursive: true });
  writeFileSync(file, text);
};
if (args[0] === 'ci') {
  mkdirSync('node_modules', { recursive: true });
  copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
}
const builds = (args[0] === 'ci' && !args.includes('--ignore-scripts')) || args[0] === 'run';
if (builds && inExample) write('dist/main.js', "console.log('ran', ...process.argv.slice(2))");
if (builds && !inExample) {
  if (args.at(-1) !== 'build:ts') write('build/Release/unsuperpose.node');
  if (args.at(-1) !== 'build:native') {
    write('dist/index.js');
    write('dist/index.d.ts');
  }
}
`;

let folder: string;
let notes: string;

const lock = (version: string) =>
  JSON.stringify({ packages: { '': {}, 'node_modules/thing': { version, integrity: 'x' } } });

function write(file: string, text = '') {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** What npm was asked for by one run of the demo, in order. */
function demo(...args: string[]) {
  rmSync(notes, { force: true });
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, NOTES: notes };
  const result = run('node', [join(folder, 'scripts', 'demo.mjs'), 'word-senses', ...args], folder, env);
  const asked = existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [];
  return { ...result, asked };
}

/** A source that was changed a minute after everything else. */
function touch(file: string) {
  const later = Date.now() / 1000 + 60;
  utimesSync(join(folder, file), later, later);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unsuperpose-demo-'));
  notes = join(folder, 'notes.txt');
  write('bin/npm', NPM);
  chmodSync(join(folder, 'bin', 'npm'), 0o755);
  cpSync(join(ROOT, 'scripts', 'demo.mjs'), join(folder, 'scripts', 'demo.mjs'));
  for (const name of ['word-senses', 'toy-model', 'transformer'])
    cpSync(join(ROOT, 'examples', name, 'help.txt'), join(folder, 'examples', name, 'help.txt'));
  for (const file of ['native/a.cpp', 'lib/index.ts', 'CMakeLists.txt', 'examples/word-senses/src/main.ts'])
    write(file);
  for (const file of ['package-lock.json', 'examples/word-senses/package-lock.json'])
    write(file, lock('1.0.0'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.skipIf(process.platform === 'win32')('the demo command', () => {
  it('sets everything up once, by the lock files, and then only runs', () => {
    const first = demo('fork');
    expect(first.err).toBe('');
    expect(first.out).toContain('ran fork');
    expect(first.asked).toEqual([
      'ci',
      'example: ci --ignore-scripts --no-audit --no-fund',
      'example: run --silent build',
    ]);
    const second = demo('fork');
    expect(second.out).toContain('ran fork');
    expect(second.asked).toEqual([]);
  });

  it.each([
    ['native/a.cpp', ['run --silent build:native']],
    ['lib/index.ts', ['run --silent build:ts', 'example: run --silent build']],
    ['examples/word-senses/src/main.ts', ['example: run --silent build']],
  ])('after a change of %s, builds what depends on it and no more', (file, asked) => {
    demo();
    touch(file);
    expect(demo().asked).toEqual(asked);
  });

  it('installs again what a lock file asks for anew', () => {
    demo();
    write('examples/word-senses/package-lock.json', lock('1.0.1'));
    expect(demo().asked[0]).toBe('example: ci --ignore-scripts --no-audit --no-fund');
    write('package-lock.json', lock('2.0.0'));
    expect(demo().asked[0]).toBe('ci');
  });

  it('answers --help at once, with a command that exists where it was called', () => {
    const { asked, out, status } = demo('--help');
    expect(status).toBe(0);
    expect(asked).toEqual([]);
    expect(out).toContain('npm run demo -- [words…] [options]');
    const toy = run('node', [join(folder, 'scripts', 'demo.mjs'), 'toy-model', '-h'], folder);
    expect(toy.out).toContain('npm run toy -- [options]');
    const transformer = run('node', [join(folder, 'scripts', 'demo.mjs'), 'transformer', '--help'], folder);
    expect(transformer.out).toContain('npm run transformer -- [options]');
    for (const line of `${out}${toy.out}${transformer.out}`.split('\n'))
      expect(line.length).toBeLessThanOrEqual(60);
  });
});
