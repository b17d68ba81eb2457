// lib/ and native/ say the same twice, in two languages: what the native module exports, and the codes of errors. Each pair is
// read from its two sources and compared, so that they cannot drift apart unseen.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../lib/call/errors.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const module: Record<string, (...args: unknown[]) => unknown> = createRequire(import.meta.url)(
  process.env.UNSUPERPOSE_BINARY ?? join(ROOT, 'build', 'Release', 'unsuperpose.node'),
);

/** Numbers of parameters by name. */
type Signatures = ReadonlyMap<string, number>;

/** The methods that the interface `name` declares or inherits, wherever in `sources` it stands. */
function declaredBy(name: string, sources: readonly string[]): Signatures {
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  for (const source of sources)
    for (const statement of ts.createSourceFile('lib.ts', source, ts.ScriptTarget.Latest).statements)
      if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);

  const signatures = new Map<string, number>();
  const read = (wanted: string): void => {
    const found = interfaces.get(wanted);
    if (found === undefined) throw new Error(`lib/ declares no interface ${wanted}`);
    for (const { types } of found.heritageClauses ?? [])
      for (const { expression } of types) read((expression as ts.Identifier).text);
    for (const member of found.members) {
      if (!ts.isMethodSignature(member)) throw new Error(`${wanted} declares what is no method`);
      const method = (member.name as ts.Identifier).text;
      const { length } = member.parameters;
      if (
        member.parameters.some((one) => one.questionToken !== undefined || one.dotDotDotToken !== undefined)
      )
        throw new Error(`${wanted}.${method} declares a parameter that need not be given`);
      if ((signatures.get(method) ?? length) !== length)
        throw new Error(`overloads of ${wanted}.${method} differ in their number of parameters`);
      signatures.set(method, length);
    }
  };
  read(name);
  return signatures;
}

/** One line for each difference. */
function drift(declared: Signatures, exported: Signatures): string[] {
  const names = [...new Set([...declared.keys(), ...exported.keys()])].sort();
  return names.flatMap((name) => {
    const [lib, native] = [declared.get(name), exported.get(name)];
    if (lib === native) return [];
    if (native === undefined) return [`${name} is declared in lib/ and not exported`];
    if (lib === undefined) return [`${name} is exported and not declared in lib/`];
    return [`${name} has ${lib} parameters in lib/, ${native} in native/node/`];
  });
}

const sources = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(ROOT, 'lib', file), 'utf8'));
const exported: Signatures = new Map(Object.entries(module).map(([name, { length }]) => [name, length]));

describe('what lib/ declares of the native module', () => {
  it('is what it exports', () => {
    expect(drift(declaredBy('NativeBinding', sources), exported)).toEqual([]);
    expect(exported.size).toBeGreaterThan(0);
  });

  it('would not pass with a name or a parameter too many or too few', () => {
    const planted = (from: string, to: string): string[] => {
      const changed = sources.map((source) => source.replace(from, to));
      expect(changed).not.toEqual(sources);
      return drift(declaredBy('NativeBinding', changed), exported);
    };
    expect(planted('  disposePairs(', '  freePairs(')).toEqual([
      'disposePairs is exported and not declared in lib/',
      'freePairs is declared in lib/ and not exported',
    ]);
    expect(planted('  cancel(job: JobId', '  cancel(job: JobId, why: string')).toEqual([
      'cancel has 2 parameters in lib/, 1 in native/node/',
    ]);
    expect(planted('  toyMeasure(weights: NativeMatrix, ', '  toyMeasure(')).toEqual([
      'toyMeasure has 1 parameters in lib/, 2 in native/node/',
    ]);
  });

  it.each([...exported])('%s takes its %i arguments, no more', (name, parameters) => {
    const call = module[name] as (...args: unknown[]) => unknown;
    expect(() => call(...new Array(parameters + 1).fill(undefined))).toThrow(
      `${name} takes ${parameters} arguments, got ${parameters + 1}`,
    );
  });
});

describe('the codes of errors', () => {
  const status = readFileSync(join(ROOT, 'native', 'core', 'status.hpp'), 'utf8');
  const native = new Set([...status.matchAll(/return "(ERR_\w+)";/g)].map(([, code]) => code));

  it('of native code are those of lib/, but those that only one side has', () => {
    // A cancelled call rejects with its signal's reason; files are lib's alone.
    expect([...native, 'ERR_FORMAT', 'ERR_FILE'].sort()).toEqual([...ERROR_CODES, 'ERR_CANCELLED'].sort());
  });

  it('are documented, each once', () => {
    const errors = sources.find((source) => source.includes('export const ERROR_CODES')) ?? '';
    const documented = [...errors.matchAll(/^ \* - `(ERR_\w+)`: \S/gm)].map(([, code]) => code);
    expect(documented).toEqual([...ERROR_CODES]);
  });
});
