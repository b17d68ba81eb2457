import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const LEVELS = ['scalar', 'avx2', 'avx512', 'neon'];
/**
 * What computes, and so runs once more on every level but the one that this machine would choose (learning: on the next best alone). With sanitizers autoencoders do not: their
 * kernels go through the levels in test/native/, and what is left of them is the same code at each.
 */
const NUMERICAL = ['kernels', 'solvers', 'learning', 'sae', 'features']
  .filter((folder) => folder !== 'sae' || !process.env.UNSUPERPOSE_SANITIZED)
  .map((folder) => `test/${folder}/**/*.test.ts`);

/** The levels of the compiled module, or none where it does not load: the tests then say why. */
function levels(): { best: string; supported: string[] } {
  const forced = process.env.UNSUPERPOSE_ISA;
  if (forced) return { best: forced, supported: [forced] };
  try {
    const path = process.env.UNSUPERPOSE_BINARY ?? './build/Release/unsuperpose.node';
    const { isa, supportedIsas } = createRequire(import.meta.url)(path).info();
    return { best: isa, supported: supportedIsas };
  } catch {
    return { best: '', supported: [] };
  }
}

const { best, supported } = levels();
const missing = LEVELS.filter((level) => !supported.includes(level));
if (missing.length > 0)
  console.warn(`SKIPPED: no tests on level ${missing.join(', ')}: not on this machine or in this build`);

// Processes that are killed, options that are refused, files that are read, and types are the same at every level.
const SAME_ANYWHERE = [
  'test/learning/{resume,resume-streams,interrupt,lista-file,lista-types}.test.ts',
  'test/learning/{lista-refusals,lista-refusals-inputs,toy-refusals}.test.ts',
  'test/sae/formats-{probe,refused,save}.test.ts',
  'test/features/{claims-tampered,hostile-claims}.test.ts',
];

/**
 * In CI what is tested is the package as it was built, which Node loads by itself: a third of the time that Vitest takes to load lib/ for
 * each file anew. Elsewhere it is lib/, so that no change waits for a build.
 */
const built = {
  find: /^(?:\.\.\/)+lib\/(.+\.js)$/,
  replacement: fileURLToPath(new URL('./dist/$1', import.meta.url)),
};
const resolve = { alias: process.env.CI ? [built] : [] };
const common = {
  ...({ pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const),
  server: { deps: { external: [/\/dist\//] } },
};
/** What learns is kernels and solvers at work: it runs on the two best levels, and its C++ programs (test/native/) on the lowest too. */
const LEARNING = ['test/learning/**/*.test.ts', 'test/sae/**/*.test.ts'];
const again = supported
  .filter((level) => level !== best)
  .map((level, i, others) => ({
    resolve,
    test: {
      ...common,
      // What only computes leaves nothing behind: a process takes file after file, and loads Vitest and the package once.
      isolate: false,
      name: level,
      include: NUMERICAL,
      exclude: i === others.length - 1 ? SAME_ANYWHERE : [...SAME_ANYWHERE, ...LEARNING],
      env: { UNSUPERPOSE_ISA: level },
    },
  }));

export default defineConfig({
  test: {
    // Vitest leaves one processor free, and of two that is half: files wait for processes and files of their own often enough.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: process.env.CI
      ? [
          'default',
          ['json', { outputFile: process.env.UNSUPERPOSE_TEST_REPORT ?? 'build/test-results.json' }],
        ]
      : ['default'],
    projects: [
      { resolve, test: { ...common, name: best || 'default', include: ['test/**/*.test.ts'] } },
      {
        // What of the example needs none of its packages: those are large, and not installed here.
        resolve: { alias: { unsuperpose: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) } },
        test: { ...common, name: 'examples', include: ['examples/transformer/test/*.test.ts'] },
      },
      ...again,
    ],
  },
});
