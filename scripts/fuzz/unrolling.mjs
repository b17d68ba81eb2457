// Calls that use unrolled networks, and read and write them. See calls.mjs.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atoms, device, floats, matrix } from './random.mjs';
import { member, perSample } from './solving.mjs';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-fuzz-lista-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Parameters of a network over a dictionary. */
export function parameters(r, dictionary) {
  const [features, dims] = dictionary.shape;
  const weights = r.pick(['pair', 'layers', 'shared', 'fixed', 'hyper']);
  const layers = r.int(1, 4);
  const many = (count, cols) => Array.from({ length: count }, () => matrix(r, features, cols, Float32Array));
  const perLayer = (most) => Float32Array.from({ length: layers }, () => most * r.uniform());
  const common = {
    ...{ weights, dictionary },
    ...r.some({ nonnegative: r.chance(0.5), scale: 2 ** r.int(-3, 3), layers, adaptive: r.uniform() }),
  };
  const ridge = r.some({ ridge: r.pick([0, 0.3, 1e6]) });
  if (weights === 'hyper')
    return { ...common, layers, hyper: [0.1 * r.uniform(), 0.01, r.uniform()], ...ridge };
  const counts = { pair: layers, layers, shared: 1, fixed: 1 };
  return {
    ...common,
    ...(weights === 'fixed' && r.chance(0.7) ? ridge : { forward: many(counts[weights], dims) }),
    ...(weights === 'pair' && { recurrent: many(layers, features) }),
    threshold: perLayer(1),
    ...r.some({ step: perLayer(2), selection: perLayer(100) }),
  };
}

const given = (r) => parameters(r, atoms(r, r.int(1, 14), r.int(1, 9)));
const made = (r, pkg) => pkg.Lista.from(given(r));

function unrolling(r, pkg) {
  const lista = made(r, pkg);
  const samples = r.int(0, 9);
  const x = { data: floats(r, samples * lista.dims), shape: [samples, lista.dims] };
  const options = r.some({
    layers: r.int(1, lista.layers),
    lambda: perSample(r, samples, 0.01, 1),
    tolerance: 10 ** -r.int(1, 6),
    overflow: r.pick(['refuse', 'zero']),
    device: device(r),
  });
  return [lista, x, options];
}
const onLista =
  (name) =>
  (pkg, [lista, ...args]) =>
    lista instanceof pkg.Lista ? lista[name](...args) : undefined;

export const unrolled = {
  'Lista.from': {
    kind: 'sync',
    threads: false,
    make: (r) => [given(r)],
    call: (pkg, args) => pkg.Lista.from(...args).parameters(),
  },
  'Lista.load': {
    kind: 'async',
    threads: false,
    progress: false,
    options: 2,
    async call(pkg, [path, source, options]) {
      if (source instanceof pkg.Lista && !existsSync(path)) await source.save(path);
      return (await pkg.Lista.load(path, options)).parameters();
    },
    make: (r, pkg) => [join(folder, `${r.int(0, 1e9)}.safetensors`), made(r, pkg), {}],
  },
  'Lista.prototype.save': {
    kind: 'async',
    threads: false,
    progress: false,
    options: 2,
    async call(_, [path, lista, options]) {
      await lista.save(path, options);
      return readFileSync(path);
    },
    hostile: (pkg, [path, lista, options]) =>
      lista instanceof pkg.Lista ? lista.save(path, options) : undefined,
    make: (r, pkg) => [join(folder, `saved-${r.int(0, 1e9)}.safetensors`), made(r, pkg), {}],
  },
  'Lista.prototype.unfold': {
    kind: 'async',
    weight: 3,
    make: unrolling,
    call: (_, [lista, ...args]) => lista.unfold(...args),
    plain: (_, [lista, x, { signal, onProgress, ...options }]) => lista.unfoldSync(x, options),
    hostile: onLista('unfold'),
  },
  'Lista.prototype.unfoldSync': {
    kind: 'sync',
    weight: 3,
    make: unrolling,
    call: (_, [lista, ...args]) => lista.unfoldSync(...args),
    hostile: onLista('unfoldSync'),
  },
  'Lista.prototype.dictionary': member(
    'Lista',
    (r, pkg) => [made(r, pkg)],
    ([lista]) => lista.dictionary().toMatrix(),
  ),
  'Lista.prototype.parameters': member(
    'Lista',
    (r, pkg) => [made(r, pkg)],
    ([lista]) => lista.parameters(),
  ),
  'Lista.prototype.disposed': member(
    'Lista',
    (r, pkg) => [made(r, pkg)],
    ([lista]) => lista.disposed,
  ),
  'Lista.prototype.dispose': member(
    'Lista',
    (r, pkg) => [made(r, pkg)],
    ([lista]) => [lista.dispose(), lista.dispose(), lista.disposed],
  ),
};
