// A generator of valid calls for every export of the package. An export without one fails the fuzzer's check: add it here, in
// solving.mjs, training.mjs, unrolling.mjs, around.mjs, asking.mjs, filing.mjs or scoring.mjs. A generator has
//   kind     'sync' or 'async'; async calls take a signal and onProgress in their options
//   make     (r, pkg) => the arguments: the same for the same random numbers, and nothing shared between two of them
//   call     (pkg, args) => the answer; default: the function of that name
//   plain    (pkg, args) => the answer by the plain way, where there is another than the same call on one thread
//   hostile  (pkg, args, r) => for calls whose answer is not compared
//   weight   how often, beside the others' 1
//   threads  whether options have `threads` (default true); signal: whether they have a signal (default: async ones)
//   progress whether options have onProgress (default: those with a signal)
//   options  which argument the options are; default: the last, if it is a plain object
//   shown    answer => what of it can be compared
import { around } from './around.mjs';
import { asking } from './asking.mjs';
import { checkpoints } from './checkpoints.mjs';
import { filing } from './filing.mjs';
import { random } from './random.mjs';
import { scoring } from './scoring.mjs';
import { solving } from './solving.mjs';
import { training } from './training.mjs';
import { unrolled } from './unrolling.mjs';

export const generators = {
  ...checkpoints,
  ...solving,
  ...around,
  ...asking,
  ...filing,
  ...training,
  ...unrolled,
  ...scoring,
  info: { kind: 'sync', threads: false, make: () => [] },
  isUnsuperposeError: { kind: 'sync', threads: false, make: (r) => [r.pick([1, {}, new Error('x')])] },
  UnsuperposeError: {
    kind: 'sync',
    threads: false,
    make: (r) => [r.pick(['ERR_SHAPE', 'ERR_OPTION']), 'message', 'argument'],
    call: (pkg, args) => new pkg.UnsuperposeError(...args).code,
    hostile: () => undefined, // an Error takes what an Error takes
  },
};

/** Exports that are values, not calls. */
const VALUES = ['UnfoldStatus', 'toy.presets'];
/** For the package's own files: not in its types. */
const INTERNAL = [
  'Dictionary.share',
  'Dictionary.adopt',
  'Dictionary.is',
  'Dictionary.handleOf',
  'Dictionary.normsOf',
  'Dictionary.share',
  'SparseCodes.adopt',
  'Lista.adopt',
  'SparseAutoencoder.adopt',
  'SparseAutoencoder.is',
  'SparseAutoencoder.usable',
  'toy.SyntheticFeatures.adopt',
];
const OF_FUNCTIONS = ['length', 'name', 'prototype', 'constructor'];

const isClass = (value) =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/** The names of everything that the package exports, members of classes too. @param {object} pkg */
export function exported(pkg) {
  const names = [];
  const visit = (container, prefix) => {
    for (const [key, value] of Object.entries(container)) {
      const name = `${prefix}${key}`;
      if (VALUES.includes(name)) continue;
      if (isClass(value) && !(value.prototype instanceof Error)) {
        for (const member of Object.getOwnPropertyNames(value))
          if (!OF_FUNCTIONS.includes(member)) names.push(`${name}.${member}`);
        for (const member of Object.getOwnPropertyNames(value.prototype))
          if (!OF_FUNCTIONS.includes(member)) names.push(`${name}.prototype.${member}`);
      } else if (typeof value === 'function') names.push(name);
      else if (typeof value === 'object') visit(value, `${name}.`);
      else names.push(name);
    }
  };
  visit(pkg, '');
  return names.filter((name) => !INTERNAL.includes(name));
}

/** What keeps generators and exports from agreeing, a line each. @param {object} pkg */
export function disagreements(pkg) {
  const names = exported(pkg);
  return [
    ...names.filter((name) => !(name in generators)).map((name) => `no generator for the export ${name}`),
    ...Object.keys(generators)
      .filter((name) => !names.includes(name))
      .map((name) => `a generator for ${name}, which is not exported`),
  ];
}

/** @param {object} pkg @param {string} name */
export function callOf(pkg, name) {
  const { call } = generators[name];
  if (call) return call;
  const target = name.split('.').reduce((value, key) => value[key], pkg);
  const owner = name
    .split('.')
    .slice(0, -1)
    .reduce((value, key) => value[key], pkg);
  return (_, args) => target.apply(owner, args);
}

/** Where the options are among the arguments, or -1. */
export function optionsAt(name, args) {
  const { options = args.length - 1 } = generators[name];
  const value = args[options];
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? options
    : -1;
}

/** `resume` needs the file of another call: test/learning/resume.test.ts. */
const EVERYWHERE = ['threads', 'signal', 'onProgress', 'is', 'resume'];
/** Enough that an option of one call in twenty is met. */
const TRIES = 300;

/** Options that calls have by their own account (it is in the refusal of one that they lack) and that no generator gives. */
export async function neverGiven(pkg) {
  const lines = [];
  for (const name of Object.keys(generators)) {
    const given = new Set(EVERYWHERE);
    let listed = [];
    for (let seed = 1; seed <= TRIES; seed++) {
      const args = generators[name].make(random(seed), pkg);
      const at = optionsAt(name, args);
      if (at < 0) continue;
      for (const key of Object.keys(args[at])) given.add(key);
      if (seed > 1) continue;
      args[at] = { ...args[at], noSuchOption: 1 };
      try {
        await callOf(pkg, name)(pkg, args);
      } catch (error) {
        listed = /noSuchOption.*there are: (.*)$/.exec(error.message)?.[1]?.split(', ') ?? [];
      }
    }
    for (const option of listed)
      if (!given.has(option)) lines.push(`no generator gives the option ${option} of ${name}`);
  }
  return lines;
}
