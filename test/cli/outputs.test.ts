// What is written never replaces what is read, or what else is written; what cannot be written is refused first.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, samples, withActivations } from './cli.js';

const place = withActivations();
const at = (name: string): string => join(place, name);
const LEARN = ['--features', '8', '--lambda', '0.2', '--steps', '3'];
const TRAIN = ['--architecture', 'topk', '--features', '8', '--sparsity', '2', '--steps', '3'];
mkdirSync(at('folder.npy'));
mkdirSync(at('folder.npz'));
writeFileSync(at('file'), 'of somebody');
writeFileSync(at('d.npy'), samples(8, 3));
writeFileSync(at('e.npy'), samples(8, 4));
symlinkSync('activations.npy', at('link.npy'));
mkdirSync(at('npz'));
expect(run(place, 'convert', 'activations.npy', 'npz/a.npz').status).toBe(0);
const D = ['--dictionary', 'd.npy', '--lambda', '0.2'];

const SAME = 'is one of the paths that are read, which it would replace: choose another name';
it.each([
  [['learn', 'activations.npy', ...LEARN, '--out', './activations.npy'], `--out ./activations.npy ${SAME}`],
  [['learn', 'activations.npy', ...LEARN, '--out', 'link.npy'], `--out link.npy ${SAME}`],
  [['learn', 'shards/*.npy', ...LEARN, '--out', 'shards/part-2.npy'], `--out shards/part-2.npy ${SAME}`],
  [
    ['learn', 'activations.npy', ...LEARN, '--initial', 'd.npy', '--out', 'd.npy'],
    '--out d.npy is also --initial, which it would replace: choose another name',
  ],
  [
    ['learn', 'activations.npy', ...LEARN, '--out', 'x.npy', '--report', 'd/../x.npy'],
    '--out and --report are both d/../x.npy: give each its own name',
  ],
  [
    ['learn', 'activations.npy', ...LEARN, '--out', 'x.npy', '--checkpoint', 'x.npy'],
    '--out and --checkpoint are both x.npy: give each its own name',
  ],
  [
    ['learn', 'activations.npy', ...LEARN, '--out', 'folder.npy'],
    '--out folder.npy is a folder, and a file is written: give a file in it',
  ],
  [
    ['learn', 'activations.npy', ...LEARN, '--out', 'x.npy', '--checkpoint', 'shards'],
    '--checkpoint shards is a folder, and a file is written: give a file in it',
  ],
  [
    ['train', 'activations.npy', ...TRAIN, '--out-format', 'saelens', '--out', 'file'],
    '--out file is a file, and a folder is written: choose another name',
  ],
  [
    ['unfold', 'activations.npy', ...D, '--out', 'folder.npz'],
    '--out folder.npz is a folder, and a file is written: give a file in it',
  ],
  [
    ['unfold', 'npz/*.npz', ...D, '--out', 'npz'],
    'the codes of npz/a.npz would replace npz/a.npz, which is read: choose another --out',
  ],
  [['convert', 'activations.npy', 'activations.npy'], `<to> activations.npy ${SAME}`],
  [['convert', 'npz/a.npz#matrix', 'npz/a.npz'], `<to> npz/a.npz ${SAME}`],
  [
    ['convert', 'activations.npy', 'folder.npy'],
    '<to> folder.npy is a folder, and a file is written: give a file in it',
  ],
  [
    ['claims', 'pairs', '--from', 'd.npy', '--to', 'e.npy', '--epsilon', '9', '--out', 'e.npy'],
    '--out e.npy is also --to, which it would replace: choose another name',
  ],
  [
    ['evaluate', 'activations.npy', ...D, '--report', 'd.npy'],
    '--report d.npy is also --dictionary, which it would replace: choose another name',
  ],
])('%j is refused, and nothing is touched', (words, message) => {
  const names = ['activations.npy', 'd.npy', 'e.npy', 'file', 'npz/a.npz', 'shards/part-2.npy'];
  const before = names.map((name) => readFileSync(at(name)));
  const { status, out, err } = run(place, ...words, '--quiet');
  expect(err.split('\n')[0]).toBe(
    `unsuperpose ${words[0] === 'claims' ? 'claims pairs' : words[0]}: ${message}`,
  );
  expect([status, out]).toEqual([2, '']);
  expect(names.map((name) => readFileSync(at(name)))).toEqual(before);
});

it.each([
  ['evaluate', 'none.npy', ...D],
  ['inspect', 'none.npy'],
  ['learn', 'none.npy', ...LEARN, '--out', 'x.npy'],
  ['unfold', 'none.npy', ...D, '--out', 'x.npz'],
])('%s refuses a --report that cannot be written before it reads', (...words) => {
  const { status, err } = run(place, ...words, '--report', 'no/such.html');
  expect(err).toContain('failed: --report no/such.html cannot be written: there is no folder ');
  expect(status).toBe(1);
  const folder = run(place, ...words, '--report', 'shards');
  expect(folder.err).toContain('--report shards is a folder, and a file is written: give a file in it');
  expect(folder.status).toBe(2);
});

it('a run that is gone on with may keep its state where it was', () => {
  const words = [
    'learn',
    'activations.npy',
    ...LEARN,
    '--out',
    'kept.npy',
    '--checkpoint',
    'kept',
    '--quiet',
  ];
  for (const more of [[], ['--resume', 'kept'], ['--resume']]) {
    const { status, err } = run(place, ...words, ...more);
    expect([status, err]).toEqual([0, '']);
  }
});
