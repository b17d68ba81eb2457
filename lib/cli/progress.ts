// How far a command is, on stderr: a bar on a terminal, otherwise a plain line every few seconds.
import { count, digits } from '../call/inspect.js';
import { cliProgress, colors } from './libraries.js';

/** What is told of one moment. */
export interface Moment {
  readonly done: number;
  readonly total?: number | undefined;
  /** Figures worth seeing meanwhile, in this order. */
  readonly figures?: Readonly<Record<string, number | undefined>>;
}

/** One line of progress at a time. */
export interface ProgressLine {
  /** What is done now, as in 'training'; `unit` is what is counted, as in 'steps'. */
  start(name: string, unit: string): void;
  update(moment: Moment): void;
  /** Ends the line, which leaves no trace on a terminal. */
  stop(): void;
  /** A line of its own, above what is shown. */
  note(text: string): void;
}

const EVERY_MS = 5000;
const FIRST_MS = 1000;
const WIDTH = 24;

const figuresText = (figures: Moment['figures'] = {}): string =>
  Object.entries(figures)
    .flatMap(([name, value]) =>
      value === undefined || Number.isNaN(value) ? [] : [`${name} ${digits(value)}`],
    )
    .join('  ');

/** 7 s, 2 min, 3 h 05 min */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '…';
  if (seconds < 1) return `${digits(seconds)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** "120 of 2,000 steps" */
const counted = ({ done, total }: Moment, unit: string): string =>
  total === undefined ? `${count(done)} ${unit}` : `${count(done)} of ${count(total)} ${unit}`;

function plain(stream: NodeJS.WriteStream): ProgressLine {
  let name = '';
  let unit = '';
  let next = 0;
  let began = 0;
  return {
    start(now, of) {
      name = now;
      unit = of;
      began = performance.now();
      next = began + FIRST_MS;
    },
    update(moment) {
      const now = performance.now();
      if (now < next) return;
      next = now + EVERY_MS;
      const { done, total, figures } = moment;
      const left =
        total === undefined || done === 0
          ? ''
          : `, ${duration((((now - began) / done) * (total - done)) / 1000)} left`;
      const shown = figuresText(figures);
      stream.write(`${name}: ${counted(moment, unit)}${left}${shown === '' ? '' : `  ${shown}`}\n`);
    },
    stop() {},
    note(text) {
      stream.write(`${text}\n`);
    },
  };
}

function bars(stream: NodeJS.WriteStream): ProgressLine {
  let bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  let unit = '';
  let name = '';
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    start(now, of) {
      stop();
      name = now;
      unit = of;
      bar = new cliProgress.SingleBar({
        stream,
        hideCursor: true,
        clearOnComplete: true,
        linewrap: false,
        // Ctrl-C is for the command to answer.
        gracefulExit: false,
        format: (_, { progress, eta, total }, { moment }: { moment?: Moment }) => {
          if (moment === undefined) return `${colors.bold(name)} …`;
          const known = moment.total !== undefined && total > 0;
          const full = Math.round(Math.min(1, progress) * WIDTH);
          const line = known
            ? `${colors.cyan('█'.repeat(full))}${colors.dim('░'.repeat(WIDTH - full))} `
            : '';
          const left = known ? colors.dim(`  ${duration(eta)} left`) : '';
          return `${colors.bold(name)} ${line}${counted(moment, unit)}${left}  ${figuresText(moment.figures)}`;
        },
      });
      bar.start(1, 0, {});
    },
    update(moment) {
      bar?.setTotal(moment.total ?? Number.MAX_SAFE_INTEGER);
      bar?.update(moment.done, { moment });
    },
    stop,
    note(text) {
      stop();
      stream.write(`${text}\n`);
    },
  };
}

/** Says nothing of progress, but notes all the same. */
const silent = (stream: NodeJS.WriteStream): ProgressLine => ({
  start() {},
  update() {},
  stop() {},
  note(text) {
    stream.write(`${text}\n`);
  },
});

export function progressOn(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine {
  if (quiet) return silent(stream);
  return stream.isTTY ? bars(stream) : plain(stream);
}
