// npm run fuzz [-- options]: random calls of every export, ordinary and hostile, in a process that is watched. What may come out is an
// answer (the same bits as the plain call's, where the call is valid), an UnsuperposeError, or the caller's own error or reason.
//   --minutes N         how long (default 1)         --calls N   or how many calls
//   --seed N            where to start (default 1)   --case N    one call alone, as a failure's line names it
//   --sanitize LIST     on a module built with these sanitizers (address,undefined)
//   --patience N        seconds after which a call counts as hanging (default 60; 120 with sanitizers)
//   --check             only: has every export a generator, which gives every option?
//   --package FOLDER    the built package to ask, this one by default
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { disagreements, neverGiven } from './fuzz/calls.mjs';
import { buildSanitized, sanitizedEnvironment } from './sanitized.mjs';
import { root } from './tools.mjs';

const text = { type: 'string' };
const { values } = parseArgs({
  options: {
    ...{ minutes: text, calls: text, seed: text, case: text, sanitize: text, package: text, patience: text },
    check: { type: 'boolean' },
  },
});
const folder = resolve(values.package ?? root);
const pkg = await import(pathToFileURL(join(folder, 'dist', 'index.js')).href);
const missing = disagreements(pkg);
if (missing.length === 0) missing.push(...(await neverGiven(pkg)));
for (const line of missing) console.error(`${line}: see scripts/fuzz/calls.mjs`);
if (missing.length > 0) process.exit(1);
if (values.check) {
  console.log('every export and every option has a generator');
  process.exit(0);
}

let env = process.env;
if (values.sanitize) {
  if (!buildSanitized(values.sanitize)) process.exit(1);
  env = sanitizedEnvironment(values.sanitize);
}

/** Cases of one seed: enough that two seeds share none. */
const SPAN = 1_000_000;
/** Seconds that a call may take; sanitizers and a busy machine are slow. */
const PATIENCE = Number(values.patience ?? (values.sanitize ? 120 : 60));
/** As many failures end the run. */
const MOST_FAILURES = 40;

const one = values.case !== undefined;
let current = one ? Number(values.case) : Number(values.seed ?? 1) * SPAN;
let left = one ? 1 : values.calls ? Number(values.calls) : Number.POSITIVE_INFINITY;
const end =
  performance.now() + (values.calls || one ? Number.POSITIVE_INFINITY : Number(values.minutes ?? 1) * 60_000);
const again = `npm run fuzz --${values.sanitize ? ` --sanitize ${values.sanitize}` : ''} --case`;

const scratch = mkdtempSync(join(tmpdir(), 'unsuperpose-fuzz-'));
const note = openSync(join(scratch, 'case'), 'w+');
const failures = [];
const kinds = new Map();
const calls = new Map();

function report(seed, what) {
  failures.push(seed);
  const kind = what.split('\n')[0].replace(/\d+/g, '#').slice(0, 120);
  kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  if (kinds.get(kind) <= 3) console.log(`✗ ${what}\n    again: ${again} ${seed}`);
}

const noted = () => Number(readFileSync(join(scratch, 'case'), 'utf8'));

/** Runs cases until the end, or until the process ends or hangs: then says which case it was. */
function run() {
  return new Promise((settle) => {
    const milliseconds = Math.min(end - performance.now(), 2 ** 31);
    const args = [
      folder,
      '3',
      current,
      left === Number.POSITIVE_INFINITY ? 2 ** 31 : left,
      milliseconds,
      PATIENCE,
    ];
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./fuzz/child.mjs', import.meta.url)), ...args.map(String)],
      {
        env: { ...env, NODE_NO_WARNINGS: '1' },
        stdio: ['ignore', 'inherit', 'inherit', note, 'ipc'],
      },
    );
    let finished = false;
    let hung = false;
    let last = { current, done: 0, calls: {} };
    let seen = performance.now();
    // A call that never comes back blocks the child's own clock.
    const watch = setInterval(() => {
      if (performance.now() - seen < 1.5 * PATIENCE * 1000) return;
      hung = true;
      child.kill('SIGKILL');
    }, 1000);
    child.on('message', ({ failure, progress, finished: over }) => {
      seen = performance.now();
      if (failure) report(failure.seed, failure.what);
      if (progress) last = progress;
      if (over) finished = true;
      if (failures.length >= MOST_FAILURES) child.kill('SIGKILL');
    });
    child.on('exit', (status, signal) => {
      clearInterval(watch);
      for (const [name, count] of Object.entries(last.calls)) calls.set(name, (calls.get(name) ?? 0) + count);
      let next = last.current;
      if (!finished && failures.length < MOST_FAILURES && status !== 3) {
        const seed = noted();
        report(
          seed,
          hung ? `hangs, case ${seed}` : `the process ended (${signal ?? `status ${status}`}), case ${seed}`,
        );
        next = seed + 1;
      }
      left -= next - current;
      current = next;
      settle();
    });
  });
}

const started = performance.now();
while (left > 0 && performance.now() < end && failures.length < MOST_FAILURES) await run();
rmSync(scratch, { recursive: true });

const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
const seconds = (performance.now() - started) / 1000;
for (const [kind, count] of kinds) console.log(`${count} × ${kind}`);
console.log(
  `${total} calls of ${calls.size} exports in ${seconds.toFixed(0)} s from seed ${values.seed ?? 1}: ${failures.length} failures`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
