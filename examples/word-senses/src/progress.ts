import cliProgress from 'cli-progress';

/** Shows how far a phase is, then one line with what it gave. Without a terminal only the line appears. */
export async function phase<Result>(
  name: string,
  work: (report: (done: number, total: number, detail?: string) => void) => Promise<Result>,
  summary: (result: Result) => string,
): Promise<Result> {
  const bar = new cliProgress.SingleBar({
    format: `${name.padEnd(NAME_WIDTH)} {bar} {percentage}%  {detail}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stdout,
  });
  const started = performance.now();
  bar.start(1, 0, { detail: '' });
  try {
    const result = await work((done, total, detail = '') => {
      bar.setTotal(total);
      bar.update(done, { detail });
    });
    bar.stop();
    console.log(
      `${name.padEnd(NAME_WIDTH)} ${seconds(performance.now() - started).padStart(7)}  ${summary(result)}`,
    );
    return result;
  } catch (error) {
    bar.stop();
    throw error;
  }
}

const NAME_WIDTH = 22;

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The most memory that this process has held, in MiB. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS / 1024;
}
