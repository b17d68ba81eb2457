// Loads dist/ twice: here, and in a vm context as Jest does with ES modules. Prints what the second one does.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext, SourceTextModule, SyntheticModule } from 'node:vm';

const entry = new URL('../../dist/index.js', import.meta.url);
const here = await import(entry.href);

const { AbortController, console } = globalThis;
const context = createContext({ process, AbortController, console });
const loaded = new Map();

async function builtin(name) {
  const exports = await import(name);
  const names = Object.keys(exports);
  return new SyntheticModule(
    names,
    function () {
      for (const each of names) this.setExport(each, exports[each]);
    },
    { context, identifier: name },
  );
}

function source(url) {
  if (!existsSync(url)) throw new Error(`no ${url}`);
  return new SourceTextModule(readFileSync(url, 'utf8'), {
    context,
    identifier: fileURLToPath(url),
    initializeImportMeta: (meta) => {
      meta.url = url.href;
    },
  });
}

async function link(specifier, from) {
  const url = specifier.startsWith('node:')
    ? specifier
    : new URL(specifier, `file://${from.identifier}`).href;
  if (!loaded.has(url)) loaded.set(url, url.startsWith('node:') ? await builtin(url) : source(new URL(url)));
  return loaded.get(url);
}

const module = source(entry);
await module.link(link);
await module.evaluate();
const there = module.namespace;
context.there = there;
context.folder = mkdtempSync(join(tmpdir(), 'unsuperpose-realm-'));

const use = runInContext(
  `(async () => {
    const { Dictionary, files, ops, unfold, unfoldSync, UnsuperposeError } = there;
    const told = (error) => [error.name, error.code, error instanceof UnsuperposeError, error instanceof Error];
    const failure = async (call) => { try { await call(); } catch (error) { return error; } };
    const dictionary = Dictionary.from({ data: new Float32Array([1, 0, -0.6, 0.8, -0.6, -0.8]), shape: [3, 2] });
    const activations = { data: new Float32Array([0.82, 0.24, -1.2, 0]), shape: [2, 2] };
    const bad = { data: new Float32Array([0, NaN]), shape: [1, 2] };
    const exact = unfoldSync(activations, dictionary, { lambda: 0.01, precision: 'float64' }).codes;
    const controller = new AbortController();
    controller.abort('enough');
    const written = [];
    for (const ending of ['npy', 'npz', 'safetensors']) {
      const path = folder + '/a.' + ending;
      await files.writeMatrix(path, activations, { dtype: 'float64' });
      const { data } = await files.readMatrix(path);
      written.push(Array.from(data, Math.fround).join() === Array.from(activations.data).join());
    }
    return {
      written,
      codes: Array.from(unfoldSync(activations, dictionary, { lambda: 0.01 }).codes.values),
      dense: Object.prototype.toString.call(exact.toDense().data).slice(8, -1),
      sync: told(await failure(() => unfoldSync(bad, dictionary, { lambda: 1 }))),
      async: told(await failure(() => unfold(bad, dictionary, { lambda: 1 }))),
      tooLarge: told(await failure(() => ops.above(activations, dictionary, -9, { limit: 1 }))),
      error: await failure(() => unfoldSync(bad, dictionary, { lambda: 1 })),
      aborted: await failure(() => unfold(activations, dictionary, { lambda: 1, signal: controller.signal })),
    };
  })()`,
  context,
);
const { codes, error, ...answers } = await use;
rmSync(context.folder, { recursive: true });

const dictionary = here.Dictionary.from({
  data: new Float32Array([1, 0, -0.6, 0.8, -0.6, -0.8]),
  shape: [3, 2],
});
const activations = { data: new Float32Array([0.82, 0.24, -1.2, 0]), shape: [2, 2] };
const ours = here.unfoldSync(activations, dictionary, { lambda: 0.01 }).codes.values;
process.stdout.write(
  JSON.stringify({
    ...answers,
    realms: runInContext('Error', context) === Error ? 'one' : 'two',
    sameCodes: Array.from(ours).join() === codes.join(),
    crossed:
      error instanceof here.UnsuperposeError && here.isUnsuperposeError(error) && !(error instanceof Error),
  }),
);
