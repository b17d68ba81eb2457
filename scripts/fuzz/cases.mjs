// One case of the fuzzer: a call of some export, in one of several moods, and what must not come of it.
import { inspect } from 'node:util';
import { callOf, generators, optionsAt } from './calls.mjs';
import { arraysOf, disguise, disturb, spoil, trap } from './hostile.mjs';
import { random } from './random.mjs';

/** An error of the caller's own: it comes out as it is, or not at all. */
class Own extends Error {}

const MOODS = {
  /** On any number of threads, now or later: the same bits. */
  plain: 6,
  /** The same values in other memory, in objects of other realms or behind Proxies: the same bits, or refused. */
  disguised: 4,
  /** Values that cannot be meant. */
  spoilt: 6,
  /** Properties that throw, dispose, detach or call back in while they are read. */
  trapped: 3,
  /** Aborted at some time: the same bits, or the reason. */
  aborted: 2,
  /** Inputs changed or taken away once the call was made: the same bits. */
  changed: 2,
  /** Dictionaries disposed once the call was made: the same bits, or ERR_DISPOSED. */
  disposed: 2,
  /** onProgress that throws, aborts, disposes or calls back in. */
  reentrant: 2,
  /** Several at once. */
  together: 2,
};

const weighted = (weights) => Object.entries(weights).flatMap(([name, weight]) => Array(weight).fill(name));
const moods = weighted(MOODS);
const names = weighted(
  Object.fromEntries(Object.entries(generators).map(([name, { weight = 1 }]) => [name, weight])),
);

const isOptions = (value) =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function dictionariesIn(pkg, args, depth = 0) {
  return Object.values(args).flatMap((value) => {
    if (value instanceof pkg.Dictionary) return [value];
    return depth < 3 && typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
      ? dictionariesIn(pkg, value, depth + 1)
      : [];
  });
}

/** The bits of an answer: what is equal reads the same. */
function bits(pkg, value, depth = 0) {
  if (depth > 12) return '…';
  // Of memory that a getter has given away, nothing is left to read.
  if (ArrayBuffer.isView(value) && value.byteLength === 0) return `${value.constructor.name}:`;
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name}:${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}`;
  if (value instanceof pkg.Dictionary)
    return value.disposed ? 'disposed' : bits(pkg, value.toMatrix(), depth + 1);
  if (typeof value === 'function') return 'function';
  if (typeof value === 'object' && value !== null)
    return `{${Object.keys(value)
      .filter((key) => key !== 'created')
      .map((key) => `${key}=${bits(pkg, value[key], depth + 1)}`)
      .join()}}`;
  return Object.is(value, -0) ? '-0' : String(value);
}

/** What a call came to: bits, or an error. */
async function outcome(pkg, name, work) {
  try {
    const answer = await work();
    return { bits: bits(pkg, generators[name].shown && answer ? generators[name].shown(answer) : answer) };
  } catch (error) {
    return { error };
  }
}

const isOurs = (pkg, error) => error instanceof pkg.UnsuperposeError;
const told = ({ bits, error }) =>
  error === undefined ? bits : `${error?.name} ${error?.code ?? ''} ${error?.message}`;

const short = (value) =>
  inspect(value, {
    depth: 4,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 6,
    maxStringLength: 60,
  }).slice(0, 400);

/** @param {object} pkg @param {(what: string) => void} failed @param {{ seed: number, sanitized: boolean }} run */
export async function runCase(pkg, failed, { seed }) {
  const r = random(seed);
  const name = r.pick(names);
  const mood = r.pick(moods);
  const generator = generators[name];
  const call = callOf(pkg, name);
  const inner = r.seed();
  const fresh = () => generator.make(random(inner), pkg);
  let story = '';
  let shown = '';
  const fail = (what) => failed(`${name}, ${mood}${story && `, ${story}`}: ${what}\n    ${shown}`);

  /** By the plain way, on one thread. */
  const plainly = () => {
    const args = fresh();
    const at = optionsAt(name, args);
    if (at >= 0 && generator.threads !== false) args[at] = { ...args[at], threads: 1 };
    return outcome(pkg, name, () => (generator.plain ?? call)(pkg, args));
  };
  const must = (got, expected, ...allowed) => {
    if (got.error !== undefined && allowed.some((allow) => allow(got.error))) return;
    if (got.error !== undefined && !isOurs(pkg, got.error)) {
      fail(`a raw error: ${got.error?.stack ?? got.error}`);
      return;
    }
    const same =
      got.error === undefined
        ? got.bits === expected.bits
        : got.error?.code === expected.error?.code && expected.error !== undefined;
    if (!same) fail(`${told(got).slice(0, 300)}\n    instead of ${told(expected).slice(0, 300)}`);
  };
  const refused = (error) => isOurs(pkg, error);

  const args = fresh();
  shown = short(args);
  runCase.latest = `${name}, ${mood}\n    ${shown}`;
  const at = optionsAt(name, args);
  const options = at >= 0 ? args[at] : undefined;
  const later = generator.kind === 'async' && generator.signal !== false && options !== undefined;
  if (options && generator.threads !== false && r.chance(0.5)) options.threads = r.pick([1, 2, 3, 7]);
  const start = () => outcome(pkg, name, () => call(pkg, args));
  const wreck = () => outcome(pkg, name, () => (generator.hostile ?? call)(pkg, args, r));

  switch (mood) {
    case 'plain':
    case 'together': {
      const many = mood === 'together' ? r.int(2, 5) : 1;
      const expected = await plainly();
      const got = await Promise.all(
        Array.from({ length: many }, (_, i) => outcome(pkg, name, () => call(pkg, i === 0 ? args : fresh()))),
      );
      for (const one of got) must(one, expected);
      break;
    }
    case 'disguised': {
      const expected = await plainly();
      disguise(r, args);
      shown = short(args);
      must(await start(), expected, refused);
      break;
    }
    case 'spoilt': {
      story = spoil(r, args);
      shown = short(args);
      const { error } = await wreck();
      if (error !== undefined && !refused(error)) fail(`a raw error: ${error?.stack ?? error}`);
      break;
    }
    case 'trapped': {
      const own = new Own('own');
      let acted = 0;
      const act = () => {
        if (++acted > 20) return;
        if (r.chance(0.4)) throw own;
        if (r.chance(0.3))
          for (const dictionary of dictionariesIn(
            pkg,
            args.filter((value) => !isOptions(value)),
          ))
            dictionary.dispose();
        else if (r.chance(0.5)) attempt(() => disturb(r, r.pick(arrays)));
        else attempt(() => again(pkg, r));
      };
      const arrays = arraysOf(args);
      story = trap(r, args, act);
      const { error } = await wreck();
      if (error !== undefined && error !== own && !refused(error))
        fail(`a raw error: ${error?.stack ?? error}`);
      break;
    }
    case 'aborted': {
      if (!later) return { name, mood, skipped: true };
      const expected = await plainly();
      const controller = new AbortController();
      const reason = r.pick([new Own('stop'), undefined, 'text', 7, null]);
      options.signal = r.chance(0.15) ? pretended(r, controller.signal) : controller.signal;
      const abort = () => controller.abort(reason);
      const when = r.int(0, 3);
      story = ['before', 'at once', 'in a moment', 'in a while'][when];
      if (when === 0) abort();
      const pending = start();
      if (when === 1) abort();
      else if (when === 2) setImmediate(abort);
      else if (when === 3) setTimeout(abort, r.int(0, 4));
      const got = await pending;
      must(
        got,
        expected,
        (error) => controller.signal.aborted && error === controller.signal.reason,
        refusedSignal(pkg, options.signal, controller),
      );
      break;
    }
    case 'changed': {
      if (generator.kind !== 'async' || generator.call) return { name, mood, skipped: true };
      const expected = await plainly();
      const arrays = arraysOf(args);
      const pending = start();
      for (const array of arrays) attempt(() => disturb(r, array));
      must(await pending, expected);
      break;
    }
    case 'disposed': {
      if (generator.kind !== 'async') return { name, mood, skipped: true };
      const expected = await plainly();
      const pending = start();
      if (r.chance(0.5)) await new Promise(setImmediate);
      for (const dictionary of dictionariesIn(pkg, args)) dictionary.dispose();
      must(await pending, expected, (error) => refused(error) && error.code === 'ERR_DISPOSED');
      break;
    }
    default: {
      if (!later || generator.progress === false) return { name, mood, skipped: true };
      const expected = await plainly();
      const own = new Own('from onProgress');
      const controller = new AbortController();
      options.signal = controller.signal;
      const does = r.pick(['throw', 'abort', 'dispose', 'call']);
      story = does;
      options.onProgress = () => {
        if (does === 'throw') throw own;
        if (does === 'abort') controller.abort();
        if (does === 'dispose') for (const dictionary of dictionariesIn(pkg, args)) dictionary.dispose();
        if (does === 'call') attempt(() => again(pkg, r));
      };
      must(
        await start(),
        expected,
        (error) => error === own,
        (error) => does === 'abort' && error === controller.signal.reason,
        (error) => does === 'dispose' && error?.code === 'ERR_DISPOSED',
      );
    }
  }
  return { name, mood, skipped: false };
}

function attempt(work) {
  try {
    work();
  } catch {
    // what could not be done was not done
  }
}

/** A small call from inside of another. */
function again(pkg, r) {
  const name = r.pick(['unfoldSync', 'ops.correlate', 'Dictionary.from', 'fold', 'lambdaMax']);
  callOf(pkg, name)(pkg, generators[name].make(r, pkg));
}

/** What looks like a signal and is none, or behaves badly. */
function pretended(r, signal) {
  const fault = r.pick(['add', 'remove', 'nothing']);
  return {
    get aborted() {
      return signal.aborted;
    },
    get reason() {
      return signal.reason;
    },
    throwIfAborted: () => signal.throwIfAborted(),
    addEventListener(...rest) {
      if (fault === 'add') throw new Own('addEventListener');
      if (fault !== 'nothing') signal.addEventListener(...rest);
    },
    removeEventListener(...rest) {
      if (fault === 'remove') throw new Own('removeEventListener');
      signal.removeEventListener(...rest);
    },
  };
}

const refusedSignal = (pkg, signal, controller) => (error) =>
  signal !== controller.signal && (error instanceof Own || isOurs(pkg, error));
