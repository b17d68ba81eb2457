// Runs that can be interrupted: where their state is kept, and what is said of it.
import { rm, stat } from 'node:fs/promises';
import { UnsuperposeError } from '../call/errors.js';
import { type Flag, Misuse } from './flags.js';
import { type Context, Interruption } from './spec.js';

export const CHECKPOINTING: readonly Flag[] = [
  {
    name: 'checkpoint',
    kind: 'file',
    about: 'where the state is kept, and stays; by default beside --out, until the run is done',
  },
  {
    name: 'checkpointEvery',
    kind: 'integer',
    value: 'steps',
    about: 'steps between two checkpoints (default 1000)',
  },
  {
    name: 'resume',
    kind: 'file',
    value: 'checkpoint',
    optional: true,
    about: 'go on from this checkpoint, or from the one beside --out if it is there',
  },
];

/** Where a run keeps its state, and whether it goes on from one. */
export interface Keeping {
  /** Options for the learner. */
  readonly options: { readonly checkpoint?: object; readonly resume?: string };
  /** What a run needs to be told besides, in the end. */
  readonly finish: () => Promise<void>;
  /** Says how to go on, if there is something to go on from. */
  readonly interrupted: (error: unknown) => Promise<void>;
}

const changedAt = async (path: string): Promise<number | undefined> =>
  (await stat(path).catch(() => undefined))?.mtimeMs;

export async function keepingOf({ values, note, again }: Context): Promise<Keeping> {
  const { out, checkpoint, checkpointEvery, resume, restarts } = values as {
    out: string;
    checkpoint?: string;
    checkpointEvery?: number;
    resume?: string | true;
    restarts?: number;
  };
  if ((restarts ?? 1) > 1) {
    for (const [flag, value] of Object.entries({ checkpoint, 'checkpoint-every': checkpointEvery, resume }))
      if (value !== undefined) throw new Misuse(`--${flag} is for runs without --restarts`);
    const none = async (): Promise<void> => {};
    return { options: {}, finish: none, interrupted: none };
  }
  // Of a folder, too, it lies beside: folder/ and folder are the same.
  const path = checkpoint ?? `${out.replace(/[\\/]+$/, '')}.checkpoint`;
  const before = await changedAt(path);
  if (before !== undefined && resume === undefined && checkpoint === undefined)
    throw new UnsuperposeError(
      'ERR_FILE',
      `${path} is there, from a run that was interrupted: go on with --resume, or delete it to begin anew`,
    );
  const from = resume === true ? (before === undefined ? undefined : path) : resume;
  if (resume === true && from === undefined) note(`there is no ${path} yet: beginning at the first step`);
  const every = checkpointEvery === undefined ? {} : { every: checkpointEvery };
  return {
    options: { checkpoint: { path, ...every }, ...(from !== undefined && { resume: from }) },
    async finish() {
      if (checkpoint === undefined) await rm(path, { force: true });
    },
    async interrupted(error) {
      if (!(error instanceof Interruption)) return;
      const now = await changedAt(path);
      const resumed = from !== undefined && now === before;
      if (now === undefined || (now === before && !resumed)) error.left.push('nothing was learned yet');
      else error.left.push(`what was learned is kept in ${path}. To go on:`, `  ${again('--resume', path)}`);
    },
  };
}
