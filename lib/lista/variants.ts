// The published networks, and what they are to native code.
import { UnsuperposeError } from '../call/errors.js';
import { checkNumber, describe, Options } from '../call/options.js';
import type { NativeListaWeights } from '../native/lista.js';

/** What {@link trainLista} can train; see there. */
export type ListaVariant =
  | 'lista'
  | 'lista-cp'
  | 'lista-cpss'
  | 'tilista'
  | 'alista'
  | 'alista-at'
  | 'hyperlista';

export type ListaSchedule = 'endToEnd' | 'layerwise';

/**
 * Support selection: of the entries of layer k (counted from 1) that pass the threshold, those above the percentile 100 − p of all entries' magnitudes do not
 * shrink (Chen et al. 2018, eq. 19), p = min(k·perLayer, most).
 */
export interface SupportSelection {
  /** Percent of the features. Default 1.2. */
  readonly perLayer?: number | undefined;
  /** Percent of the features. Default 13. */
  readonly most?: number | undefined;
}

interface Form {
  readonly weights: NativeListaWeights;
  /** Support selection: is there any, and must there be? */
  readonly selection: 'none' | 'optional' | 'required';
  readonly adaptive: number;
}

/** Of ALISTA-AT: thresholds are θ/(1 + |a|/.1). */
const ADAPTIVE = 0.1;

const FORMS: Readonly<Record<ListaVariant, Form>> = {
  lista: { weights: 'pair', selection: 'none', adaptive: 0 },
  'lista-cp': { weights: 'layers', selection: 'none', adaptive: 0 },
  'lista-cpss': { weights: 'layers', selection: 'required', adaptive: 0 },
  tilista: { weights: 'shared', selection: 'optional', adaptive: 0 },
  alista: { weights: 'fixed', selection: 'optional', adaptive: 0 },
  'alista-at': { weights: 'fixed', selection: 'optional', adaptive: ADAPTIVE },
  hyperlista: { weights: 'hyper', selection: 'none', adaptive: 0 },
};
export const VARIANTS = Object.keys(FORMS) as ListaVariant[];
const SELECTING = VARIANTS.filter((variant) => FORMS[variant].selection !== 'none').join(', ');

/** Published: 1.2 % more each layer, 13 % at most. */
const PER_LAYER = 1.2;
const MOST = 13;
const PERCENT = { above: 0, max: 100 } as const;

/** What `selection` says, in percent; 0: none. */
function readSelection(read: Options, variant: ListaVariant): { perLayer: number; most: number } {
  const { selection } = FORMS[variant];
  const none = { perLayer: 0, most: 0 };
  if (selection === 'none') {
    const own = variant === 'hyperlista' ? ', which selects by a number that it learns' : '';
    read.exclude(['selection'], `variants ${SELECTING}`, `variant ${variant}${own}`);
    return none;
  }
  const given = read.has('selection') ? read.get('selection') : {};
  if (given === false && selection === 'optional') return none;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const expected =
      selection === 'optional'
        ? 'false or { perLayer, most }'
        : `{ perLayer, most } with variant ${variant} (without selection it is lista-cp)`;
    throw new UnsuperposeError(
      'ERR_OPTION',
      `selection must be ${expected}, got ${describe(given)}`,
      'selection',
    );
  }
  const own = new Options(given, ['perLayer', 'most'], 'selection');
  const percent = (name: string, absent: number): number =>
    own.has(name) ? checkNumber(`selection.${name}`, own.get(name), PERCENT) : absent;
  return { perLayer: percent('perLayer', PER_LAYER), most: percent('most', MOST) };
}

/** The variant, and what native code makes of it. */
export function readVariant(read: Options) {
  const variant = read.choice('variant', VARIANTS, 'alista');
  const { weights, adaptive } = FORMS[variant];
  const { perLayer, most } = readSelection(read, variant);
  return { variant, form: { weights, adaptive, selection: perLayer, mostSelected: most } };
}
