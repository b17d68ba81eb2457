// How a network was trained: what training tells of it, and its files keep.
import type { Note } from '../call/notes.js';

/** The published networks; see `trainLista`. */
export type ListaVariant =
  | 'lista'
  | 'lista-cp'
  | 'lista-cpss'
  | 'tilista'
  | 'alista'
  | 'alista-at'
  | 'hyperlista';

export const LISTA_VARIANTS: readonly ListaVariant[] = [
  'lista',
  'lista-cp',
  'lista-cpss',
  'tilista',
  'alista',
  'alista-at',
  'hyperlista',
];

/** How a network was trained. Figures are dB of the normalised error of codes where true ones were known, else the objective relative to ½‖x‖². */
export interface ListaSummary {
  readonly variant: ListaVariant;
  readonly schedule: 'endToEnd' | 'layerwise';
  /** λ of the objective; undefined where true codes were learned from. */
  readonly lambda?: number | undefined;
  readonly steps: number;
  /** Samples seen, over all steps. */
  readonly samples: number;
  readonly seed: number;
  /** The last report's figure after the last trained layer. */
  readonly loss: number;
  /** Mean norm of gradients before clipping. */
  readonly gradientNorm: number;
  /** The figure after each trained layer. */
  readonly layers: Float64Array;
  /** Of the last validation, likewise. */
  readonly validated?: Float64Array | undefined;
  /** The best validation, after the last layer. */
  readonly best?: number | undefined;
  /** Of samples that nothing was learned from. */
  readonly heldOut?:
    | {
        readonly samples: number;
        readonly explainedVariance: number;
        readonly squaredError: number;
        readonly l0: number;
        readonly dead: number;
        readonly loss?: number | undefined;
      }
    | undefined;
  readonly notes: readonly Note[];
}
