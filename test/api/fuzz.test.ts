// The fuzzer (npm run fuzz) knows every export and every option, and a few of its cases pass. More run in CI, with sanitizers.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/fuzz.mjs', import.meta.url));
const fuzz = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

it('has a generator for every export and every option', () => {
  const { status, stdout, stderr } = fuzz('--check');
  expect(stderr).toBe('');
  expect(stdout).toContain('every export');
  expect(status).toBe(0);
});
