// A Python process kept alive beside ours: it gets one JSON command a line and answers with its own timings, so that
// its runs can be interleaved with ours.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const server = fileURLToPath(new URL('./peers/server.py', import.meta.url));
const pythonCandidates = ['/usr/bin/python3', 'python3', 'python'];

export interface OpenBlas {
  readonly version: string;
  readonly core: string;
  readonly threads: number;
}

export interface PeerHello {
  readonly versions: Readonly<Record<string, string>>;
  readonly openblas: OpenBlas | null;
  readonly missing: Readonly<Record<string, string>>;
  readonly peers: readonly { readonly name: string; readonly kind: 'convex' | 'greedy' | 'topk' }[];
}

/** One entry a sample. */
export interface Certificate {
  readonly objective: readonly number[];
  /** relative to ½‖x‖², in float64 */
  readonly gap: readonly number[];
  /** relative to ‖x‖ */
  readonly residual: readonly number[];
  readonly nonzeros: readonly number[];
  /** signed pursuits, the first samples only: whether the support is that of OMP in float64 */
  readonly sameSupport?: readonly boolean[];
}

/** One entry a sample, of the indices of its k strongest correlations. */
export interface TopCertificate {
  /** whether they are others than float64's, ties by the lower index */
  readonly differs: readonly boolean[];
  /** of the weakest one kept from the true k-th score, relative to that */
  readonly shortfall: readonly number[];
}

export interface Prepared extends Certificate, TopCertificate {
  readonly samples: number;
  readonly variant: string;
  readonly setupSeconds: number;
}

export interface PeerProcess {
  ask<T>(command: string, values?: Readonly<Record<string, unknown>>): Promise<T>;
  close(): void;
}

/** A Python that can import numpy: UNSUPERPOSE_BENCH_PYTHON, or the first that does; undefined if none. */
export function findPython(): string | undefined {
  const chosen = process.env.UNSUPERPOSE_BENCH_PYTHON;
  return (chosen ? [chosen] : pythonCandidates).find((python) => {
    try {
      execFileSync(python, ['-c', 'import numpy'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

const isOpenBlasVariable = (name: string): boolean => name.startsWith('OPENBLAS_');

/** The OPENBLAS_… settings of this environment that can slow a product down or speed it up. */
export function openBlasSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        isOpenBlasVariable(entry[0]) && entry[0] !== 'OPENBLAS_NUM_THREADS',
    ),
  );
}

/**
 * Starts a peer process on one thread. OpenBLAS chooses its kernels itself unless `settings` say otherwise: an
 * OPENBLAS_CORETYPE left in the environment would make the unit that everything is measured in slower than it is.
 */
export function startPeer(python: string, settings: Readonly<Record<string, string>> = {}): PeerProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !isOpenBlasVariable(name));
  const env = {
    ...Object.fromEntries(inherited),
    ...settings,
    OPENBLAS_NUM_THREADS: '1',
    OMP_NUM_THREADS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
  };
  const child: ChildProcess = spawn(python, [server], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error(`${python} started without pipes`);
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  createInterface({ input: stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  const fail = (error: Error): void => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  child.on('error', fail);
  child.on('exit', (code) => fail(new Error(`the peer process ended with status ${code}`)));

  return {
    async ask<T>(command: string, values: Readonly<Record<string, unknown>> = {}): Promise<T> {
      const line = await new Promise<string>((resolve, reject) => {
        waiting.push({ resolve, reject });
        stdin.write(`${JSON.stringify({ command, ...values })}\n`);
      });
      const answer = JSON.parse(line) as { ok: boolean; error?: string } & T;
      if (!answer.ok) throw new Error(`${command}: ${answer.error}`);
      return answer;
    },
    close: () => {
      child.removeAllListeners('exit');
      stdin.end();
    },
  };
}
