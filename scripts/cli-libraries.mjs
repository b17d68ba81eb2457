// Bundles what the command line takes from npm packages into dist/cli/libraries.js, with their licences: users of the package install nothing else.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

/** The folder of an installed package. */
function folderOf(name) {
  let folder = dirname(require.resolve(name));
  while (!readdirSync(folder).includes('package.json')) folder = dirname(folder);
  return folder;
}

function licenseOf(name) {
  const folder = folderOf(name);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no file with its licence`);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}`;
}

const uplot = join(folderOf('uplot'), 'dist');
const UPLOT = {
  script: readFileSync(join(uplot, 'uPlot.iife.min.js'), 'utf8').replace(/^\/\*!.*?\*\/\s*/s, ''),
  style: readFileSync(join(uplot, 'uPlot.min.css'), 'utf8'),
  license: licenseOf('uplot'),
};

const outfile = join(root, 'dist', 'cli', 'libraries.js');
const { metafile } = await build({
  entryPoints: [join(root, 'lib', 'cli', 'libraries.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  legalComments: 'none',
  metafile: true,
  write: false,
});
const packages = new Set(
  Object.keys(metafile.inputs).flatMap(
    (input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1] ?? [],
  ),
);
const licenses = [...packages, 'uplot'].sort().map(licenseOf);
const comment = `/*\nThis file holds these packages, under these licences:\n\n${licenses.join('\n\n---\n\n').replaceAll('*/', '* /')}\n*/\n`;
await build({
  entryPoints: [join(root, 'lib', 'cli', 'libraries.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { UPLOT: JSON.stringify(UPLOT) },
  banner: {
    // CommonJS packages ask for node's own modules by require().
    js: `${comment}import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`,
  },
});
// Nobody imports the command line, so it has no declarations to publish.
for (const name of readdirSync(join(root, 'dist', 'cli'), { recursive: true, encoding: 'utf8' }))
  if (name.endsWith('.d.ts') || name.endsWith('.d.cts')) rmSync(join(root, 'dist', 'cli', name));
