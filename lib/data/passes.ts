// Passes of a learner over a stream: until its steps are made, or as often as was asked for.
import { UnsuperposeError } from '../call/errors.js';
import type { BatchSource, Sized } from './batches.js';
import type { Resumable } from './checkpoints.js';
import type { StreamRun } from './stream-run.js';

/** What a learner makes of a stream's items. */
export interface Lessons<T extends Sized, Seen, Figures> {
  /** A new learner, for items like the first. */
  readonly create: (first: T) => Resumable;
  /** Looks at an item of a pass, also where a checkpoint has seen it already and the stream gives it again. */
  readonly look: (item: T, epoch: number) => Seen;
  /** Has it to look at all items of this pass, whatever a checkpoint has seen? Default: no. */
  readonly looksAt?: (epoch: number) => boolean;
  /** At most so many steps on what was looked at. */
  readonly feed: (seen: Seen, most: number, signal: AbortSignal | undefined) => Promise<Figures>;
  /** Has it learned all that it is to learn, whatever steps are left? */
  readonly over?: (figures: Figures) => boolean;
  /** What was learned from an item; `before`: the figures until then. */
  readonly report: (figures: Figures, before: Figures | undefined) => void | Promise<void>;
  /** At the end of a pass. */
  readonly atEnd?: (figures: Figures) => Promise<void>;
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
  { create, look, looksAt, feed, over, report, atEnd }: Lessons<T, Seen, Figures>,
): Promise<void> {
  const passes = epochs ?? (steps === undefined ? 1 : Number.POSITIVE_INFINITY);
  stream.checkPasses(passes);
  let begun = false;
  const left = (): number =>
    stream.last !== undefined && over?.(stream.last) ? 0 : (steps ?? Number.MAX_SAFE_INTEGER) - stream.steps;
  for (let epoch = 1; epoch <= passes && left() > 0; epoch++) {
    /** Items of this pass so far, and up to the one that was read last. */
    let items = 0;
    let read = 0;
    /** Rows of this pass so far. */
    let rows = 0;
    const before = stream.steps;
    const reading = {
      again: (epochs ?? 1) > 1,
      skip: looksAt?.(epoch) ? 0 : stream.skippable(epoch),
      onSkipped: (skipped: number) => {
        items = skipped;
      },
      onItem: (item: number) => {
        read = item;
      },
    };
    for await (const item of batches.read(signal, reading)) {
      if (!begun) await stream.begin(create(item));
      begun = true;
      // A run that had all its steps has not looked at what comes after.
      const place = { epoch, items: read };
      const passing = stream.passed(place);
      if (!passing && left() <= 0) break;
      const seen = look(item, epoch);
      rows += item.rows;
      items = read;
      if (passing) continue;
      const most = left();
      const last = stream.last;
      const taught = await stream.feed(place, (stop) => feed(seen, most, stop));
      if (taught && stream.last !== undefined) await report(stream.last, last);
      await stream.save(place);
      if (left() <= 0) break;
    }
    if (items === Number.POSITIVE_INFINITY) continue;
    stream.checkPassed({ epoch, items });
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
    if (stream.last !== undefined) await atEnd?.(stream.last);
    await stream.save({ epoch, items }, 1);
  }
}
