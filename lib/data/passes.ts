// Passes of a learner over a stream: until its steps are made, or as often as was asked for.
import { UnsuperposeError } from '../call/errors.js';
import type { BatchSource, Sized } from './batches.js';
import type { Resumable } from './checkpoints.js';
import type { StreamRun } from './stream-run.js';

/** What a learner makes of a stream's items. */
export interface Lessons<T extends Sized, Seen, Figures> {
  /** A new learner, for items like the first. */
  readonly create: (first: T) => Resumable;
  /** Looks at an item of a pass, also where a checkpoint has seen it already. */
  readonly look: (item: T, epoch: number) => Seen;
  /** At most so many steps on what was looked at. */
  readonly feed: (seen: Seen, most: number, signal: AbortSignal | undefined) => Promise<Figures>;
  /** Has it learned all that it is to learn, whatever steps are left? */
  readonly over?: (figures: Figures) => boolean;
  readonly report: (figures: Figures) => void;
}

/** How long a learner reads: so many passes, or until it has made so many steps; without either, one pass. */
export interface Length {
  readonly epochs: number | undefined;
  readonly steps: number | undefined;
}

/**
 * Teaches by all items, those that a checkpoint has seen passed over.
 * @throws UnsuperposeError where there is nothing to learn from
 */
export async function teachByPasses<T extends Sized, Seen, Figures>(
  batches: BatchSource<T>,
  { epochs, steps }: Length,
  stream: StreamRun<Figures>,
  signal: AbortSignal | undefined,
  { create, look, feed, over, report }: Lessons<T, Seen, Figures>,
): Promise<void> {
  const passes = epochs ?? (steps === undefined ? 1 : Number.POSITIVE_INFINITY);
  let begun = false;
  const left = (): number =>
    stream.last !== undefined && over?.(stream.last) ? 0 : (steps ?? Number.MAX_SAFE_INTEGER) - stream.steps;
  for (let epoch = 1; epoch <= passes && left() > 0; epoch++) {
    let items = 0;
    /** Rows of this pass so far. */
    let rows = 0;
    const before = stream.steps;
    for await (const item of batches.read(signal, (epochs ?? 1) > 1)) {
      if (!begun) await stream.begin(create(item));
      begun = true;
      // A run that had all its steps has not looked at what comes after.
      const place = { epoch, items: items + 1 };
      const passing = stream.passed(place);
      if (!passing && left() <= 0) break;
      const seen = look(item, epoch);
      rows += item.rows;
      items += 1;
      if (passing) continue;
      const most = left();
      const taught = await stream.feed(place, (stop) => feed(seen, most, stop));
      if (taught && stream.last !== undefined) report(stream.last);
      await stream.save(place);
      if (left() <= 0) break;
    }
    if (!begun)
      throw new UnsuperposeError('ERR_SHAPE', 'activations gave no samples to train on', 'activations');
    if (items === 0)
      throw new UnsuperposeError(
        'ERR_OPTION',
        `activations gave no samples in pass ${epoch} over them: for several epochs, or more steps than they have, give what can be read again, an array or a function that makes a generator anew`,
        'activations',
      );
    if (stream.steps === before && !stream.begunBefore(epoch))
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `activations gave ${rows} samples in pass ${epoch}, none of which is left to learn from: all are held out or hidden by masks`,
        'activations',
      );
    await stream.save({ epoch, items }, 1);
  }
}
