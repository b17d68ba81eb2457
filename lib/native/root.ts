// Where the package is on disk: the folder of its package.json. Everything that the package has besides code is found from here.
import { existsSync, readFileSync } from 'node:fs';
import nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'unsuperpose';
const MANIFEST = 'package.json';

/** The file of `import.meta.url`. Bundles in CommonJS have none; webpack's have that of the machine that bundled. */
function ownFile(): string | undefined {
  try {
    const file = fileURLToPath((import.meta as { readonly url?: string }).url ?? '');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

/** The file that this code runs from: dist/native/root.js, or the bundle that somebody has put it in. */
function thisFile(): string {
  const file = ownFile() ?? (typeof __filename === 'string' ? __filename : undefined);
  return file ?? process.argv[1] ?? join(process.cwd(), MANIFEST);
}

function isOurs(folder: string): boolean {
  try {
    return (JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as { name?: unknown }).name === NAME;
  } catch {
    return false;
  }
}

/** The nearest folder above the file that is this package's, so that it does not matter how deep code lies in lib/ or dist/. */
function above(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (isOurs(folder)) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** For code that was bundled: the package installed where the bundle, or the program that it was made into, runs. */
function installed(from: string): string | undefined {
  try {
    // By way of the module's object: bundlers follow a plain createRequire, and webpack then takes the whole folder in.
    return dirname(nodeModule.createRequire(from).resolve(`${NAME}/${MANIFEST}`));
  } catch {
    return undefined;
  }
}

/** The file that this code runs from. */
export const HERE = thisFile();

/** Undefined where the code was bundled away from its package. */
export const ROOT = above(HERE) ?? installed(HERE) ?? installed(process.execPath);

/**
 * The prebuilt modules as the package is installed. For what copies only the files that a program needs (nft: Vercel, Nitro, Next.js with
 * webpack): it reads such a path off the source, in a function's return, where it cannot see what `process.dlopen` gets.
 */
export function whereInstalled(): string {
  return join(fileURLToPath(import.meta.url), '../../../prebuilds');
}

/** The version of the package; `'unknown'` for code that was bundled away from it. */
export function readVersion(): string {
  if (ROOT === undefined) return 'unknown';
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, MANIFEST), 'utf8'));
  return (manifest as { version: string }).version;
}
