// Every @example in the TSDoc of lib/, and the README's ten lines, run as they stand. A line that ends in
// `// → text` must have printed that text.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = new URL('../../dist/index.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-examples-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Example {
  readonly where: string;
  readonly code: string;
}

/** Fenced blocks; TSDoc's leading ` * ` taken off. */
function fences(text: string, where: string): Example[] {
  const found: Example[] = [];
  for (const match of text.matchAll(/```(?:js|ts|javascript|typescript)\n([\s\S]*?)```/g))
    found.push({
      where: `${where}:${text.slice(0, match.index).split('\n').length}`,
      code: match[1] as string,
    });
  return found;
}

function docExamples(file: string): Example[] {
  const text = readFileSync(join(root, 'lib', file), 'utf8');
  const found: Example[] = [];
  for (const match of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const line = text.slice(0, match.index).split('\n').length;
    const body = match[0].replace(/^\s*\* ?/gm, '');
    const example = body.split('@example')[1];
    if (example) found.push(...fences(example, `lib/${file}:${line}`));
  }
  return found;
}

const files = readdirSync(join(root, 'lib'), { encoding: 'utf8', recursive: true }).filter((name) =>
  name.endsWith('.ts'),
);
const examples = files.flatMap(docExamples);
if (existsSync(join(root, 'README.md'))) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [first] = fences(readme, 'README.md'); // the others go on from it
  if (first) examples.push(first);
}

it('there are examples for what matters', () => {
  const all = examples.map(({ code }) => code).join('\n');
  for (const name of [
    'unfold',
    'unfoldPath',
    'certify',
    'fold',
    'learnDictionary',
    'Dictionary',
    'lambdaMax',
    'ops',
    'claims',
    'toy',
  ])
    expect(all).toContain(name);
});

describe('runs', () => {
  it.each(examples)('$where', ({ where, code }) => {
    const imported = code.includes("from 'unsuperpose'")
      ? code.replaceAll("from 'unsuperpose'", `from ${JSON.stringify(entry)}`)
      : `import { certify, certifySync, Dictionary, SparseCodes, UnfoldStatus, UnsuperposeError, fold, info, lambdaMax, learnDictionary, ops, unfold, unfoldPath, unfoldSync } from ${JSON.stringify(entry)};\n${code}`;
    const { outputText } = ts.transpileModule(imported, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    const file = join(folder, `${where.replace(/\W+/g, '-')}.mjs`);
    writeFileSync(file, outputText);
    const child = spawnSync(process.execPath, [file], { encoding: 'utf8', cwd: folder });
    expect(child.status, child.stderr).toBe(0);
    for (const [, expected] of code.matchAll(/\/\/ → (.+)$/gm))
      expect(child.stdout).toContain((expected as string).trim());
  });
});
