// Processes of their own that run the built package.
import { spawnSync } from 'node:child_process';

/** The built package, as a URL. */
export const entry = new URL('../../dist/index.js', import.meta.url).href;

export interface Ended {
  status: number | null;
  out: string;
  err: string;
}

/** Runs `body`, which finds the package as `pkg` and makes matrices by `matrix(rows, cols, seed)`. An undefined variable is unset. */
export function run(body: string, env: Record<string, string | undefined> = {}, flags: string[] = []): Ended {
  const source = `
    const pkg = await import(${JSON.stringify(entry)});
    const matrix = (rows, cols, seed) => ({
      data: Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(seed + i * 1.7) * Math.cos(i * i * 0.13)),
      shape: [rows, cols],
    });
    ${body}
  `;
  const environment = { ...process.env, ...env };
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', source], {
    env: environment,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { status: child.status, out: child.stdout, err: child.stderr };
}
