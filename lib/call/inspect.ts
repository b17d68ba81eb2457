// How objects print: what console.log shows in place of their fields.

/** Node.js (Deno and Bun too) asks an object that has this for its text. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Objects with this prototype print as `text` says; what only looks like one prints its name. */
export function printsAs<T extends object>(prototype: T, name: string, text: (self: T) => string): void {
  const inspect = function (this: T, depth: number): string {
    if (depth < 0) return `[${name}]`;
    try {
      return text(this);
    } catch {
      return `${name} {}`; // Object.create(prototype), or a field that somebody changed: printing never fails
    }
  };
  Object.defineProperty(prototype, INSPECT, { value: inspect, configurable: true, writable: true });
}

const integers = new Intl.NumberFormat('en-US');

/** 1,234,567 */
export function count(value: number): string {
  return integers.format(value);
}

/** Three digits: 12.3, 0.00123, 1.2e-7. */
export function digits(value: number): string {
  return Number.isFinite(value) && value !== 0 ? String(Number(value.toPrecision(3))) : String(value);
}

/** 12.3 MB, in powers of ten */
export function megabytes(bytes: number): string {
  return `${digits(bytes / 1e6)} MB`;
}

/**
 * Makes structuredClone and postMessage refuse an object whose native memory cannot follow: without this they answer an object without
 * it, which fails later and elsewhere. A symbol cannot be cloned, and the DataCloneError shows its description.
 */
export function keepFromCloning(handle: object, sentence: string): void {
  Object.defineProperty(handle, 'notCloneable', { value: Symbol(sentence), enumerable: true });
}
