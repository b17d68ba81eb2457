import cliProgress from 'cli-progress';
import { columns, hanging } from './lines.js';

export type Report = (progress: { done: number; total?: number }) => void;

/** Shows how far a phase is, then one line with what it gave. Without a terminal only the line appears. */
export async function phase<Result>(
  name: string,
  work: (report: Report) => Promise<Result>,
  summary: (result: Result) => string,
): Promise<Result> {
  const bar = new cliProgress.SingleBar({
    format: `${name.padEnd(NAME_WIDTH)} {bar} {percentage}%`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: columns() < ROOMY ? 10 : 30,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stdout,
  });
  const started = performance.now();
  let result: Result;
  {
    using _ = restoring(bar);
    bar.start(1, 0);
    result = await work(({ done, total = 1 }) => {
      bar.setTotal(total);
      bar.update(done);
    });
  }
  const head = `${name.padEnd(NAME_WIDTH)} ${seconds(performance.now() - started).padStart(7)}  `;
  console.log(head + hanging(summary(result), head.length));
  return result;
}

/** Ctrl-C in the middle of a bar: shows the cursor again, wraps lines again, then ends as the signal asks. */
function restoring(bar: cliProgress.SingleBar): Disposable {
  const stop = (signal: NodeJS.Signals) => {
    bar.stop();
    for (const one of SIGNALS) process.removeListener(one, stop);
    process.kill(process.pid, signal);
  };
  for (const one of SIGNALS) process.on(one, stop);
  return {
    [Symbol.dispose]() {
      bar.stop();
      for (const one of SIGNALS) process.removeListener(one, stop);
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const NAME_WIDTH = 30;
/** From here on, a long bar has room. */
const ROOMY = 80;

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
