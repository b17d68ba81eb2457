// Ctrl-C: the first asks the command to stop where nothing is lost, the second ends the process.
import { Interruption, STATUS } from './spec.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What Ctrl-C aborts. */
export interface Interruptible {
  readonly signal: AbortSignal;
  /** Where it is said that the command is stopping. */
  note: (text: string) => void;
  /** Ends listening. */
  readonly end: () => void;
}

export function interruptible(): Interruptible {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (): void => {
    if (signal.aborted) process.exit(STATUS.interrupted);
    own.note('stopping: what is done is being written (once more to stop at once)');
    controller.abort(new Interruption('interrupted'));
  };
  const end = (): void => {
    for (const name of SIGNALS) process.removeListener(name, stop);
  };
  const own: Interruptible = { signal, end, note: (text) => console.error(text) };
  for (const name of SIGNALS) process.on(name, stop);
  return own;
}
