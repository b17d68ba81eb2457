// The part of YAML that configurations of transcoders are written in: keys at the start of a line, each with one plain or quoted value. Lists and
// nested values are passed over by their indentation and not read. Anything else is refused: a whole reader of YAML is not needed for five keys.
import { broken } from '../../files/refuse.js';
import { Settings } from './settings.js';

const LINE = /^([A-Za-z_][\w.-]*)[ ]*:(?:[ ]+(.*))?$/;
const NUMBER = /^[-+]?(\d+|\d+\.\d*|\.\d+)(e[-+]?\d+)?$/i;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null, '~': null };
/** What begins something that is more than a plain value. */
const MARKS = /^[[\]{}&*!|>%@`]/;

function scalar(text: string, refuse: (what: string) => never): unknown {
  const quoted = /^(?:"([^"\\]*)"|'([^']*)')[ ]*(?:#.*)?$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2];
  const plain = text.replace(/[ ]+#.*$/, '').trim();
  if (plain === '') return null;
  if (MARKS.test(plain) || /^["']/.test(plain) || /: |:$/.test(plain))
    refuse(`only plain and quoted values are read, got ${plain.slice(0, 40)}`);
  const word = plain.toLowerCase();
  if (Object.hasOwn(WORDS, word)) return WORDS[word];
  return NUMBER.test(plain) ? Number(plain) : plain;
}

/** The values at the top of a YAML mapping; a key of something nested is there as 'nested'. */
export function readYaml(text: string, where: string): Settings {
  const values = new Map<string, unknown>();
  const nested = new Set<string>();
  let last: string | undefined;
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [i, line] of lines.entries()) {
    const refuse = (what: string): never => broken(where, `line ${i + 1}: ${what}`);
    if (/^\s*(#.*)?$/.test(line) || (i === 0 && line.trimEnd() === '---')) continue;
    if (/^([ ]+|- |-$)/.test(line)) {
      if (last === undefined || values.get(last) !== null)
        refuse('it is indented, or of a list, but the key before it has a value already');
      nested.add(last as string);
      continue;
    }
    const [, key, value = ''] = LINE.exec(line) ?? [];
    if (key === undefined) refuse('it must be "key: value"');
    const name = key as string;
    if (values.has(name)) refuse(`the key ${name} stands twice`);
    // `key: [a, b]` and `key: {…}` on one line are nested too.
    const inline = /^(\[.*\]|\{.*\})[ ]*(#.*)?$/.test(value);
    values.set(name, inline ? null : scalar(value, refuse));
    if (inline) nested.add(name);
    last = name;
  }
  return new Settings(
    where,
    Object.fromEntries([...values].map(([k, v]) => [k, nested.has(k) ? 'nested' : v])),
  );
}
