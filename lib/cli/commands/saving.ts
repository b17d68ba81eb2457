// How autoencoders are written: flags that `train` and `convert` share.
import type { SaveAutoencoderOptions } from '../../sae/formats/save.js';
import { type Flag, Misuse, type Values } from '../flags.js';

export const SAVING: readonly Flag[] = [
  {
    name: 'outFormat',
    kind: 'choice',
    value: 'format',
    choices: ['unsuperpose', 'saelens'],
    about: 'of an autoencoder: unsuperpose (default), one file; saelens, a folder that SAELens loads',
  },
  {
    name: 'outDtype',
    kind: 'choice',
    value: 'type',
    choices: ['float32', 'float64', 'float16', 'bfloat16'],
    about: 'float32 (default), float64, float16 or bfloat16',
  },
  { name: 'metadata', kind: 'pairs', about: 'saelens: goes into cfg.json, such as model_name=gpt2-small' },
];

export function readSaving(values: Values): SaveAutoencoderOptions {
  const {
    outFormat: format,
    outDtype: dtype,
    metadata,
  } = values as {
    outFormat?: 'unsuperpose' | 'saelens';
    outDtype?: 'float32';
    metadata?: Record<string, string>;
  };
  if (metadata !== undefined && format !== 'saelens')
    throw new Misuse('--metadata is for --out-format saelens');
  return {
    ...(format !== undefined && { format }),
    ...(dtype !== undefined && { dtype }),
    ...(metadata !== undefined && { metadata }),
  };
}
