// The formats that are read, and which of them a place has.
import { UnsuperposeError } from '../../call/errors.js';
import { describe } from '../../call/options.js';
import { broken, some } from '../../files/refuse.js';
import { circuitTracer } from './circuit-tracer.js';
import { dictionaryLearning } from './dictionary-learning.js';
import type { AutoencoderFormat, Format } from './draft.js';
import { gemmaScope, gemmaScope2 } from './gemma-scope.js';
import { llamaScope, r1Distill } from './llama-scope.js';
import { own } from './own.js';
import type { Place } from './place.js';
import { saelens } from './saelens.js';
import { sparsify } from './sparsify.js';

/** One line adds one. */
const FORMATS: Readonly<Record<AutoencoderFormat, Format>> = {
  unsuperpose: own,
  saelens,
  sparsify,
  'gemma-scope': gemmaScope,
  'gemma-scope-2': gemmaScope2,
  'llama-scope': llamaScope,
  'r1-distill': r1Distill,
  'circuit-tracer': circuitTracer,
  'dictionary-learning': dictionaryLearning,
};

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly AutoencoderFormat[];

const PICKLE = /\.(pt|pth|pkl|ckpt|bin)$/i;

function refusePickle(where: string): never {
  throw new UnsuperposeError(
    'ERR_FORMAT',
    `${where} is a pickle, which can run any code and is never read. Three lines of Python make a .safetensors file of it: see "Pickled checkpoints" in the README of unsuperpose`,
    'path',
  );
}

export async function formatOf(place: Place, wanted: AutoencoderFormat | undefined): Promise<Format> {
  if (place.file !== undefined && PICKLE.test(place.file)) refusePickle(place.path);
  const list = FORMAT_NAMES.map((name) => `${name} (${FORMATS[name].files})`).join('; ');
  if (wanted !== undefined) {
    const format = FORMATS[wanted];
    if (await format.matches(place)) return format;
    return broken(place.path, `is not of format ${wanted}, which needs ${format.files}`);
  }
  const found: Format[] = [];
  for (const name of FORMAT_NAMES) if (await FORMATS[name].matches(place)) found.push(FORMATS[name]);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (first !== undefined)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${place.path} may be of several formats: say which by format, one of ${found.map(({ name }) => describe(name)).join(', ')}`,
      'format',
    );
  const pickle = [...place.names].find((name) => PICKLE.test(name));
  if (pickle !== undefined && place.file === undefined && place.ending('.safetensors').length === 0)
    refusePickle(place.at(pickle));
  const names = some(place.names);
  return broken(
    place.path,
    `is no autoencoder of a known format${place.file === undefined ? `; the folder holds ${names || 'nothing'}` : ''}. Known are: ${list}`,
  );
}
