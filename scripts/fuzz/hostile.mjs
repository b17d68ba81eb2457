// What callers may do to their arguments: memory of other kinds, objects of other realms, values that cannot be meant, and getters
// and Proxies that act while they are read.
import vm from 'node:vm';

const realm = vm.createContext({});
const foreign = Object.fromEntries(
  [
    'Object',
    'Array',
    'Float32Array',
    'Float64Array',
    'Uint32Array',
    'Uint8Array',
    'Uint16Array',
    'Int32Array',
  ].map((name) => [name, vm.runInContext(name, realm)]),
);

const isPlain = (value) => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
};

/** Every place in the arguments: an argument itself, or a property of a plain object or an array below it. */
export function places(args) {
  const found = [];
  const visit = (parent, depth) => {
    for (const key of Object.keys(parent)) {
      found.push({ parent, key, top: parent === args });
      const value = parent[key];
      if (isPlain(value) && depth < 4 && Object.keys(value).length < 50) visit(value, depth + 1);
    }
  };
  visit(args, 0);
  return found;
}

// ---- the same values, held otherwise: answered as the plain ones are, or refused

function memory(r, array) {
  const { name } = array.constructor;
  const Type = globalThis[name];
  switch (r.int(0, 4)) {
    case 0: {
      const data = new Type(new SharedArrayBuffer(array.byteLength));
      data.set(array);
      return data;
    }
    case 1: {
      const data = new Type(new ArrayBuffer(array.byteLength, { maxByteLength: 2 * array.byteLength + 8 }));
      data.set(array);
      return data;
    }
    case 2: {
      const data = new Type(new ArrayBuffer(array.byteLength + 24), 8, array.length);
      data.set(array);
      return data;
    }
    case 3:
      return new foreign[name](array);
    default:
      return name === 'Uint8Array' ? Buffer.from(array) : array;
  }
}

function shell(r, value) {
  switch (r.int(0, 4)) {
    case 0:
      return new Proxy(value, {});
    case 1:
      return Array.isArray(value) ? foreign.Array.from(value) : Object.assign(new foreign.Object(), value);
    case 2:
      return Object.freeze(value);
    case 3:
      return Array.isArray(value) ? value : Object.assign(Object.create(null), value);
    default: {
      if (Array.isArray(value)) return value;
      const made = {};
      for (const key of Object.keys(value))
        Object.defineProperty(made, key, { enumerable: true, get: () => value[key] });
      return made;
    }
  }
}

export function disguise(r, args) {
  for (const { parent, key } of places(args)) {
    const value = parent[key];
    if (Object.isFrozen(parent)) continue;
    if (ArrayBuffer.isView(value) && value.constructor.name in foreign && r.chance(0.4))
      parent[key] = memory(r, value);
  }
  // From the inside out, so that what is wrapped has been changed before.
  for (const { parent, key } of places(args).reverse()) {
    const value = parent[key];
    if (!Object.isFrozen(parent) && isPlain(value) && r.chance(0.2)) parent[key] = shell(r, value);
  }
}

// ---- values that cannot be meant

/** Options that are work or memory to be done: a large number there is asked for, and takes its time. */
const WORK =
  /^(steps|epochs|trials|samples|batchSize|count|restarts|starts|reweightings|features|dims|maxKnots|bins|k)$/;

const cyclic = {};
cyclic.is = 'not';
cyclic.of = cyclic;
cyclic.shape = cyclic;

/** With holes, without end, or without what iterates and maps; of matrices and groups too. */
function lists() {
  const odd = [1, 0];
  for (const name of [Symbol.iterator, 'map', 'entries', 'every', 'constructor'])
    Object.defineProperty(odd, name, { value: null });
  return [Array(1), Array(3), Array(2 ** 32 - 1), [Array(2)], [[0], Array(2 ** 32 - 1)], odd, [odd]];
}

function nonsense(r, work) {
  return r.pick([
    () => undefined,
    () => null,
    () =>
      r.pick([
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        -0,
        -1,
        0.5,
        1e-320,
        -(2 ** 31),
      ]),
    () =>
      work
        ? r.pick([0, 1, 2, 3.5, 2 ** 53, 1e300])
        : r.pick([0, 1e300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53]),
    () => r.pick(['', 'lasso', 'identity', '__proto__', '9', 'x'.repeat(1000), '\u0000']),
    () => r.pick([true, false]),
    () => r.pick([1n, Symbol('s'), () => 1, class {}, new Date(0), /x/, new Map(), new Set([1])]),
    () => r.pick([[], {}, [[]], [null], [Number.NaN], [-1], ['1'], [1, undefined, 2], ...lists()]),
    () =>
      r.pick([
        ...[cyclic, Promise.resolve(1), new Proxy({}, {}), new Proxy([], {}), new Proxy(() => {}, {})],
        ...[{ [Symbol.iterator]: () => 1 }, { [Symbol.asyncIterator]: () => ({ next: () => 1 }) }],
        ...[{ length: 2 }, { length: 2 ** 53 }, { length: Symbol('length') }],
      ]),
    () =>
      r.pick([
        new Float32Array(0),
        new Float64Array(3).fill(Number.NaN),
        new Uint8Array(4),
        new BigInt64Array(2),
      ]),
    () => new DataView(new ArrayBuffer(8)),
    () => new ArrayBuffer(8),
    () => {
      const array = new (r.pick([Float32Array, Float64Array, Uint32Array, Uint8Array]))(8);
      structuredClone(array.buffer, { transfer: [array.buffer] });
      return array;
    },
    () => {
      const array = new Float32Array(new ArrayBuffer(32, { maxByteLength: 64 }));
      array.buffer.resize(4);
      return array;
    },
    () => new Proxy(new Float32Array(8), {}),
    () => ({
      data: new Float32Array(6),
      shape: r.pick([[2, 4], [6], [2 ** 53 - 1, 0], [0, 2 ** 32], [-2, -3], [1.5, 4]]),
    }),
    () => ({
      indptr: Uint32Array.of(0, 9),
      indices: Uint32Array.of(7),
      values: new Float32Array(1),
      shape: [1, 3],
    }),
  ])();
}

/** Puts what cannot be meant in one to three places. Says where. */
export function spoil(r, args) {
  const where = [];
  for (let n = r.int(1, 3); n > 0; n--) {
    const open = places(args);
    if (open.length === 0) return 'nothing';
    const { parent, key } = r.pick(open);
    const value = parent[key];
    if (typeof value?.[0] === 'number' && ArrayBuffer.isView(value) && r.chance(0.4)) {
      const at = r.int(0, value.length - 1);
      value[at] = r.pick([Number.NaN, Number.POSITIVE_INFINITY, 3.4e38, 1e-45, -1, 2 ** 32 - 1, 0]);
      where.push(`${key}[${at}] = ${value[at]}`);
      continue;
    }
    if (isPlain(value) && !Array.isArray(value) && r.chance(0.2)) {
      value[r.pick(['lamda', 'order', 'strides', 'dtype', '__proto__x', 'signal', 'onProgress', 'threads'])] =
        nonsense(r, true);
      where.push(`${key} + an option`);
      continue;
    }
    parent[key] = nonsense(r, WORK.test(key));
    where.push(`${key} = ${typeof parent[key]}`);
  }
  return where.join('; ');
}

/** A property that acts when it is read: `act` does something, and may throw. */
export function trap(r, args, act) {
  const inner = places(args).filter(({ top, parent }) => !top && !Object.isFrozen(parent));
  if (inner.length === 0) return 'nothing';
  const { parent, key } = r.pick(inner);
  const value = parent[key];
  if (isPlain(value) && r.chance(0.4)) {
    const name = r.pick(['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf']);
    parent[key] = new Proxy(value, {
      [name](...rest) {
        act();
        return Reflect[name](...rest);
      },
    });
    return `a Proxy at ${key} that acts on ${name}`;
  }
  let reads = 0;
  const later = r.chance(0.3) ? nonsense(r, WORK.test(key)) : value;
  Object.defineProperty(parent, key, {
    enumerable: true,
    configurable: true,
    get: () => {
      act();
      return reads++ === 0 ? value : later;
    },
  });
  return `a getter at ${key} that acts`;
}

/** The arrays of the arguments, for those that change them. */
export const arraysOf = (args) =>
  places(args)
    .filter(({ parent, key }) => !Object.getOwnPropertyDescriptor(parent, key)?.get)
    .map(({ parent, key }) => parent[key])
    .filter((value) => ArrayBuffer.isView(value) && !(value instanceof DataView));

/** Takes the memory away, or changes what it holds. */
export function disturb(r, array) {
  const { buffer } = array;
  const bytes = buffer.byteLength;
  if (r.chance(0.5) || bytes === 0 || buffer instanceof SharedArrayBuffer) {
    if (array.length > 0) array.fill(typeof array[0] === 'bigint' ? 7n : r.pick([Number.NaN, -1, 4e9, 0]));
  } else if (buffer.resizable) buffer.resize(Math.floor(bytes / 3));
  else structuredClone(buffer, { transfer: [buffer] });
}
