// node .ci/summary.mjs <exit status of the tests> <of the tests with sanitizers> <of the linters> <of the build of the kernels> <of the search for
// races in them>: the closing line of .ci/run, and its exit status. The last two are 'skipped' where they could not run.
import { readFileSync } from 'node:fs';

const [tests, sanitize, lint, kernels, races] = process.argv
  .slice(2)
  .map((status) => (status === 'skipped' ? undefined : Number(status)));

/** Counts of vitest's JSON report; a file that could not be run counts as one failure. */
function count() {
  try {
    const report = JSON.parse(readFileSync(new URL('../build/test-results.json', import.meta.url), 'utf8'));
    const broken = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
    ).length;
    const skipped = report.numPendingTests + report.numTodoTests;
    return { passed: report.numPassedTests, failed: report.numFailedTests + broken, skipped };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }; // the tests did not get as far as a report
  }
}

const { passed, failed, skipped } = count();
const reported = passed + failed > 0;
// The tests' own exit status has the last word: a crash after the last test, or a build that failed, is a failure.
const failures = failed + (tests !== 0 && failed === 0 ? 1 : 0) + (reported ? 0 : Number(tests === 0));
const others = [sanitize, lint, kernels, races];
const left = others.filter((status) => status === undefined).length;
const total = {
  passed: passed + others.filter((status) => status === 0).length,
  failed: failures + others.filter((status) => status !== undefined && status !== 0).length,
  skipped: skipped + left,
};

if (tests !== 0) console.error(`npm test ended with status ${tests}`);
if (!reported) console.error('no test was reported');
if (sanitize !== 0) console.error(`the tests with sanitizers ended with status ${sanitize}`);
if (kernels) console.error(`npm run build:cuda ended with status ${kernels}`);
if (races) console.error(`the search for races in the kernels ended with status ${races}`);
if (lint !== 0) console.error(`npm run lint ended with status ${lint}`);
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
