// Every @example in the TSDoc of lib/, and the README's: type-checked as a user's strict compiler would, nothing skipped, and run on every
// level of this machine. A line that ends in `// → text` must have printed that text.
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { info } from '../../lib/index.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
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
const readme = fences(readFileSync(join(root, 'README.md'), 'utf8'), 'README.md');
const [first] = readme; // the others go on from it
if (first) examples.push(first);

/** What the README's later blocks leave to the reader. */
const READERS = 'declare const earlier: Dictionary, later: Dictionary, weight: Matrix;';

/** Block after block, each inside the one before it, so that it sees what that declared and may use a name again. */
function nested(blocks: readonly Example[]): string {
  const isImport = (line: string): boolean => line.startsWith('import ');
  const lines = blocks.map(({ code }) => code.split('\n'));
  const imports = ["import type { Matrix } from 'unsuperpose';", ...lines.flat().filter(isImport)];
  const bodies = lines.map((each) => each.filter((line) => !isImport(line)).join('\n'));
  return `${imports.join('\n')}\n${READERS}\n${bodies.join('{\n')}${'}'.repeat(bodies.length - 1)}\nexport {};\n`;
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

const NAMES =
  'certify, certifySync, Dictionary, SparseCodes, UnfoldStatus, UnsuperposeError, fold, info, lambdaMax, learnDictionary, ops, unfold, unfoldPath, unfoldSync';
const complete = (code: string): string =>
  `${code.includes("from 'unsuperpose'") ? '' : `import { ${NAMES} } from 'unsuperpose';\n`}${code}\nexport {};\n`;
const fileOf = ({ where }: Example): string => `${where.replace(/\W+/g, '-')}.mts`;

beforeAll(() => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'unsuperpose'), 'dir');
  for (const example of examples) writeFileSync(join(folder, fileOf(example)), complete(example.code));
  writeFileSync(join(folder, 'README.mts'), nested(readme));
});

// Types are the same with sanitizers.
describe.skipIf(process.env.UNSUPERPOSE_SANITIZED)('has the types that it says', () => {
  const errors = new Map<string, string[]>();
  beforeAll(() => {
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      skipDefaultLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      typeRoots: [join(root, 'node_modules', '@types')],
      types: ['node'],
    };
    const names = [...examples.map(fileOf), 'README.mts'].map((name) => join(folder, name));
    for (const { file, messageText } of ts.getPreEmitDiagnostics(ts.createProgram(names, options))) {
      const where = file?.fileName.split('/').at(-1) ?? '';
      errors.set(where, [...(errors.get(where) ?? []), ts.flattenDiagnosticMessageText(messageText, '\n')]);
    }
  }, 120_000);

  it.each(examples)('$where', (example) => {
    expect(errors.get(fileOf(example)) ?? []).toEqual([]);
  });
  it('the README, block after block', () => expect(errors.get('README.mts') ?? []).toEqual([]));
  it('and so have the declarations', () => {
    expect([...errors.keys()].filter((name) => !name.endsWith('.mts'))).toEqual([]);
  });
});

/** Runs the files that it is given, one after the other; prints what each printed, or how it failed. */
const RUNNER = `
  import { format } from 'node:util';
  const results = [];
  const print = console.log;
  for (const file of process.argv.slice(2)) {
    const lines = [];
    console.log = (...values) => lines.push(format(...values));
    try {
      await import(file);
      results.push({ printed: lines.join('\\n') });
    } catch (error) {
      results.push({ printed: lines.join('\\n'), error: String(error?.stack ?? error) });
    }
  }
  print(JSON.stringify(results));
`;

describe.each(info().supportedIsas)('runs on level %s', (level) => {
  const results = new Map<string, { printed: string; error?: string }>();
  beforeAll(() => {
    const runner = join(folder, 'run.mjs');
    writeFileSync(runner, RUNNER);
    const files = examples.map((example) => {
      const { outputText } = ts.transpileModule(complete(example.code), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
        },
      });
      const file = join(folder, fileOf(example).replace(/mts$/, 'mjs'));
      writeFileSync(file, outputText);
      return file;
    });
    const { stdout, stderr, status } = spawnSync(process.execPath, [runner, ...files], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, UNSUPERPOSE_ISA: level },
    });
    expect(status, stderr).toBe(0);
    for (const [at, result] of JSON.parse(stdout).entries()) results.set(examples[at]?.where ?? '', result);
  }, 240_000);

  it.each(examples)('$where', ({ where, code }) => {
    const { printed, error } = results.get(where) ?? { printed: '', error: 'did not run' };
    expect(error).toBeUndefined();
    for (const [, expected] of code.matchAll(/\/\/ → (.+)$/gm))
      expect(printed).toContain((expected as string).trim());
  });
});
