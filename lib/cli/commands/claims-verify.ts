// `unsuperpose claims verify`: a claim, checked again on its data.
import { readFile } from 'node:fs/promises';
import { type ClaimDatum, verify as check, parseClaim } from '../../claims/index.js';
import { SparseCodes } from '../../data/codes.js';
import { fileError } from '../../files/refuse.js';
import { Misuse, pick } from '../flags.js';
import { dictionaryAt, matrixAt } from '../inputs.js';
import { type Command, type Context, type Outcome, STATUS } from '../spec.js';
import { THREADS_ONLY } from '../tables.js';

/** A datum of the claim as its type wants it. */
async function datumAt(
  path: string,
  name: string,
  dtype: string,
  kind: string,
  signal: AbortSignal,
): Promise<ClaimDatum> {
  if (dtype === 'float32 csr') return SparseCodes.load(path, { signal });
  // Weights are matrices; everything else that claims are about is a dictionary.
  const isWeight =
    /^weight/.test(name) ||
    (kind !== 'no-pair' && kind !== 'no-circuit' && name !== 'dictionary' && /weight/i.test(name));
  return isWeight ? matrixAt(path, signal) : dictionaryAt(path, signal);
}

async function run(context: Context): Promise<Outcome> {
  const { paths, values, signal, progress } = context;
  const [path, ...given] = paths as [string, ...string[]];
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(path, 'read', error);
  });
  const claim = parseClaim(text);
  const places = new Map<string, string>();
  for (const pair of given) {
    const at = pair.indexOf('=');
    if (at < 1) throw new Misuse(`data are given as name=file, got ${JSON.stringify(pair)}`);
    places.set(pair.slice(0, at), pair.slice(at + 1));
  }
  const names = Object.keys(claim.data);
  const missing = names.filter((name) => !places.has(name));
  const other = [...places.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0 || other.length > 0)
    throw new Misuse(
      `the claim is about ${names.join(', ')}: ${[
        ...(missing.length > 0 ? [`${missing.map((name) => `${name}=FILE`).join(' ')} missing`] : []),
        ...(other.length > 0 ? [`${other.join(', ')} not known`] : []),
      ].join('; ')}`,
    );
  const data: Record<string, ClaimDatum> = {};
  for (const name of names)
    data[name] = await datumAt(
      places.get(name) as string,
      name,
      claim.data[name]?.dtype as string,
      claim.kind,
      signal,
    );
  progress.start('checking', 'features');
  const { valid, failures } = await check(claim, data, {
    ...pick(values, THREADS_ONLY),
    signal,
    onProgress: (now) => progress.update(now),
  });
  progress.stop();
  return {
    text: [
      claim.statement,
      valid ? 'valid: all that the claim says was found again' : 'not valid:',
      ...failures.map((failure) => `  ${failure}`),
    ].join('\n'),
    json: { valid, failures, statement: claim.statement, kind: claim.kind },
    status: valid ? STATUS.done : STATUS.refuted,
  };
}

export const verify: Command = {
  name: 'claims verify',
  paths: '<claim> <data...>',
  about:
    'Check a claim again: that the data are those it was made on, and everything that it says, on a path that shares no arithmetic with the one that made it.',
  groups: [{ title: 'Checking', flags: THREADS_ONLY }],
  notes: [
    'Data are given by the names that they have in the claim: name=file, or name=file#array for one of several arrays. Codes are .npz files.',
    'Valid means that the claim says what is so; a claim that was honestly refuted is valid too. Exit status 3 says that it is not valid.',
  ],
  examples: [
    {
      run: 'unsuperpose claims verify claim.json from=dictionary.safetensors to=dictionary-2.safetensors',
      about: 'Checks what claims pairs has written.',
    },
  ],
  run,
};
