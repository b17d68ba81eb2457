import cliProgress from 'cli-progress';

const NAME_WIDTH = 34;

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
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stdout,
  });
  const started = performance.now();
  bar.start(1, 0);
  try {
    const result = await work(({ done, total = 1 }) => {
      bar.setTotal(total);
      bar.update(done);
    });
    bar.stop();
    const took = seconds(performance.now() - started).padStart(7);
    console.log(`${name.padEnd(NAME_WIDTH)} ${took}  ${summary(result)}`);
    return result;
  } catch (error) {
    bar.stop();
    throw error;
  }
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
