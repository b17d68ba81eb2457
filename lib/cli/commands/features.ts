// Flags that say which features a command is about.
import type { Flag } from '../flags.js';
import { LOADING } from '../tables.js';

export const PROBING: readonly Flag[] = [
  {
    name: 'probe',
    kind: 'file',
    about: 'activations that settle how an autoencoder is read (file#name for one of several arrays)',
  },
  { name: 'probeTargets', kind: 'file', value: 'file', about: 'of transcoders: the outputs for these' },
];

export const DICTIONARY: readonly Flag[] = [
  {
    name: 'dictionary',
    kind: 'file',
    about: 'the features, features × dims (file#name for one of several arrays)',
  },
  { name: 'normalize', kind: 'flag', about: 'scale atoms of the dictionary to norm 1' },
];

export const SAE: readonly Flag[] = [
  {
    name: 'sae',
    kind: 'file',
    value: 'path',
    about: 'a sparse autoencoder, of any format that inspect knows',
  },
  ...LOADING,
  ...PROBING,
];
