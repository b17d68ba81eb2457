// What `require('unsuperpose')` gives: the module that `import` gives, not a second copy of it. Its types are those of index.ts
// (scripts/types.mjs).

/** The loader of Node.js itself: where a test runner has put its own in place of `require`, this one still knows ES modules. */
interface Loader {
  _load(path: string, parent: null, isMain: boolean): unknown;
}

/** Does the error say that ES modules cannot be required, or not be read, here? */
function isRefusal(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  // The last is of Node.js 20 and 22.12 where hooks load CommonJS (tsx does): the files that an ES module imports are not found.
  return code === 'ERR_REQUIRE_ESM' || name === 'SyntaxError' || code === 'ERR_VM_MODULE_LINK_FAILURE';
}

/** Asks Node.js's own loader. What it takes is required here, not above: bundles of esbuild that are ES modules have no require(). */
function loadByNode(): unknown {
  const { join } = require('node:path') as typeof import('node:path');
  return (require('node:module') as Loader)._load(join(__dirname, 'index.js'), null, false);
}

function load(): unknown {
  try {
    return require('./index.js');
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  try {
    return loadByNode();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (typeof (require('node:zlib') as { crc32?: unknown }).crc32 !== 'function')
      throw new Error(`unsuperpose needs Node.js 20.19, 22.12 or newer, and this is ${process.version}`, {
        cause: error,
      });
    throw new Error(
      `unsuperpose is an ES module, which require() cannot load here (Node.js ${process.version}; it can from 20.19 and 22.12 on). ` +
        "Load it with await import('unsuperpose'); in Jest, run tests as ES modules: NODE_OPTIONS=--experimental-vm-modules npx jest",
      { cause: error },
    );
  }
}

export = load();
