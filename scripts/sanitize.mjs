// npm run test:sanitize -- address,undefined [vitest arguments]: the tests on a module built with these sanitizers; see sanitized.mjs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildSanitized, sanitizedEnvironment } from './sanitized.mjs';
import { root } from './tools.mjs';

const [list = 'address,undefined', ...rest] = process.argv.slice(2);
if (!buildSanitized(list)) process.exit(1);
const env = {
  ...sanitizedEnvironment(list),
  UNSUPERPOSE_TEST_REPORT: join(root, 'build', 'sanitize-test-results.json'),
};
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
process.exitCode =
  spawnSync(process.execPath, [vitest, 'run', ...rest], { cwd: root, env, stdio: 'inherit' }).status ?? 1;
