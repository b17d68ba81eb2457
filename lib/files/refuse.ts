// What is said of a file that cannot be used.
import { fileURLToPath, URL } from 'node:url';
import { types } from 'node:util';
import { messageOf, UnsuperposeError } from '../call/errors.js';
import { describe } from '../call/options.js';

/** A `URL`, by what tells it: where there are no types of Node.js or of browsers, there is none. */
export interface FileURL {
  readonly href: string;
  readonly protocol: string;
}

/** A path, as text or as a file: URL. */
export type Path = string | FileURL;

export function readPath(value: unknown, name: string): string {
  let path: unknown = value;
  if (value instanceof URL && !types.isProxy(value)) {
    try {
      path = fileURLToPath(value);
    } catch (cause) {
      throw new UnsuperposeError('ERR_OPTION', `${name} must be a file: URL: ${messageOf(cause)}`, name, {
        cause,
      });
    }
  }
  if (typeof path !== 'string')
    throw new UnsuperposeError('ERR_DTYPE', `${name} must be a path, got ${describe(value)}`, name);
  if (path === '' || path.includes('\0'))
    throw new UnsuperposeError('ERR_OPTION', `${name} must be a path, got ${describe(path)}`, name);
  return path;
}

/** The file breaks its own format. */
export function broken(where: string, what: string, options?: ErrorOptions): never {
  throw new UnsuperposeError('ERR_FORMAT', `${where}: ${what}`, undefined, options);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path before its end is no folder',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be opened (permissions)',
  EPERM: 'it may not be opened (permissions)',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the disk takes no file so large',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk failed',
};

/** An error of the system about this file as ours; any other unchanged. */
export function fileError(path: string, doing: 'read' | 'written', cause: unknown): unknown {
  const { code, syscall } = (cause ?? {}) as { code?: unknown; syscall?: unknown };
  if (typeof code !== 'string' || typeof syscall !== 'string' || !types.isNativeError(cause)) return cause;
  const reason = REASONS[code] ?? cause.message;
  return new UnsuperposeError('ERR_FILE', `${path} cannot be ${doing}: ${reason} (${code})`, undefined, {
    cause,
  });
}

/** "a, b, c and 4 more" */
export function some(names: Iterable<string>, most = 8): string {
  const all = [...names].map((name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name));
  const more = all.length - most;
  return more > 0 ? `${all.slice(0, most).join(', ')} and ${more} more` : all.join(', ');
}
