// JSON that an untrusted file holds.
import { TextDecoder } from 'node:util';
import { messageOf } from '../call/errors.js';
import { broken, some } from './refuse.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The keys that an object has twice, in text that is JSON. `JSON.parse` takes the last of them without a word. */
function doubled(text: string): Set<string> {
  const found = new Set<string>();
  const open: (Set<string> | undefined)[] = [];
  let string: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const token = text[at];
    if (token === '"') {
      const begin = at++;
      while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
      string = text.slice(begin, at + 1);
    } else if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':' && string !== undefined) {
      const key = JSON.parse(string) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) found.add(key);
      keys?.add(key);
    }
  }
  return found;
}

/** Text of bytes that must be UTF-8. */
export function decodeText(bytes: Uint8Array, where: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    return broken(where, `${what} is not UTF-8`, { cause });
  }
}

/** What the text says; no key twice in one object. */
export function parseJSON(text: string, where: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return broken(where, `${what} is not JSON: ${messageOf(cause)}`, { cause });
  }
  const twice = doubled(text);
  if (twice.size > 0) broken(where, `${what} has keys more than once: ${some(twice)}`);
  return value;
}

/** A JSON object: no array, not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
