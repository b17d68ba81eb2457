// What a command is: its arguments, flags, help and work.
import type { FlagGroup, Values } from './flags.js';
import type { ProgressLine } from './progress.js';
import type { Page } from './report/page.js';

/** Exit statuses, all of them. */
export const STATUS = {
  done: 0,
  failed: 1,
  misuse: 2,
  /** A claim that was made or checked does not hold. */
  refuted: 3,
  interrupted: 130,
} as const;

export interface Context {
  /** What stands beside the flags. */
  readonly paths: readonly string[];
  readonly values: Values;
  /** Aborted by SIGINT and SIGTERM, with an {@link Interruption}. */
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
  /** A line on stderr, for people. */
  readonly note: (text: string) => void;
  /** The command line itself, as it can be typed again with these flags besides. */
  readonly again: (...more: readonly string[]) => string;
}

/** What a command found. */
export interface Outcome {
  /** What is printed, without --json. */
  readonly text: string;
  /** What is printed with --json: plain data, typed arrays as lists. */
  readonly json: unknown;
  /** One of {@link STATUS}; done where it says nothing. */
  readonly status?: number;
  /** What --report writes; called only if it is wanted. */
  readonly report?: () => Page | Promise<Page>;
}

export interface Example {
  readonly run: string;
  readonly about: string;
}

export interface Command {
  /** 'claims pairs': words after `unsuperpose`. */
  readonly name: string;
  /** As commander has them: '<activations...>'. */
  readonly paths: string;
  readonly about: string;
  readonly groups: readonly FlagGroup[];
  readonly examples: readonly Example[];
  /** What else is worth knowing, a paragraph each. */
  readonly notes?: readonly string[];
  /** Whether it has a report. */
  readonly reports?: boolean;
  readonly run: (context: Context) => Promise<Outcome>;
}

/** Why a signal was aborted: somebody pressed Ctrl-C, or asked the process to end. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  /** What is left, and how to go on; commands add to it. */
  readonly left: string[] = [];
}
