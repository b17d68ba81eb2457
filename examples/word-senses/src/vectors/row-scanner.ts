/** Where one `"word":[…]` member lies in the scanned bytes. */
export interface RowSpan {
  /** The key with its quotes: `bytes[keyStart, keyEnd)`. */
  keyStart: number;
  keyEnd: number;
  /** The numbers with their brackets: `bytes[bodyStart, bodyEnd)`. */
  bodyStart: number;
  bodyEnd: number;
  /** What follows the member: another one (`,`) or the end of the object (`}`). */
  last: boolean;
  /** First byte after that separator. */
  next: number;
}

export type RowScan = RowSpan | 'incomplete' | 'malformed';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;
const CLOSE_OBJECT = 0x7d;

/** Position after the string that begins at `start`, or -1 when it does not end before `end`. */
function endOfString(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start + 1; i < end; i++) {
    if (bytes[i] === BACKSLASH) i++;
    else if (bytes[i] === QUOTE) return i + 1;
  }
  return -1;
}

/**
 * Finds the member that begins at `start`, in JSON without white space. The numbers are delimited, not read: a body can
 * hold no `]` of its own, and whoever wants the row hands the span to JSON.parse.
 */
export function scanRow(bytes: Buffer, start: number, end: number): RowScan {
  if (start >= end) return 'incomplete';
  if (bytes[start] !== QUOTE) return 'malformed';
  const keyEnd = endOfString(bytes, start, end);
  if (keyEnd < 0 || keyEnd + 1 >= end) return 'incomplete';
  if (bytes[keyEnd] !== COLON || bytes[keyEnd + 1] !== OPEN) return 'malformed';
  const bodyStart = keyEnd + 1;
  const close = bytes.indexOf(CLOSE, bodyStart);
  if (close < 0 || close + 1 >= end) return 'incomplete';
  const separator = bytes[close + 1];
  if (separator !== COMMA && separator !== CLOSE_OBJECT) return 'malformed';
  const last = separator === CLOSE_OBJECT;
  return { keyStart: start, keyEnd, bodyStart, bodyEnd: close + 1, last, next: close + 2 };
}
