// Predicates in words.
import { type Predicate, type QuantityPredicate, readPredicate } from './predicates.js';

const SHOWN = 4;

function list(values: readonly number[]): string {
  const shown = values.slice(0, SHOWN).join(', ');
  return values.length > SHOWN ? `${shown}, … ${values.length} in all` : shown;
}

/** @internal What is measured, without its thresholds. */
export function describeQuantity(predicate: QuantityPredicate): string {
  switch (predicate.is) {
    case 'norm':
    case 'density':
      return predicate.is;
    case 'maximumActivation':
      return 'maximum activation';
    case 'alignment':
      return `|cos with (${list(predicate.direction)})|`;
    case 'energy':
      return `energy in the span of ${predicate.subspace
        .map((row) => `(${list(row)})`)
        .slice(0, SHOWN)
        .join(', ')}${predicate.subspace.length > SHOWN ? `, … ${predicate.subspace.length} rows` : ''}`;
    case 'connection': {
      const features = predicate.features === undefined ? '' : `[${list(predicate.features)}]`;
      const weight = predicate.weight === undefined ? '' : ` through ${predicate.weight}`;
      return `connection to ${predicate.to}${features}${weight}`;
    }
  }
}

/**
 * A predicate in words.
 *
 * @throws UnsuperposeError `ERR_OPTION`, `ERR_SHAPE` for what is no predicate
 *
 * @example
 * ```ts
 * import { claims } from 'unsuperpose';
 *
 * console.log(claims.describePredicate({ is: 'or', of: [claims.norm({ below: 1 })] })); // → norm < 1
 * ```
 */
export function describePredicate(predicate: Predicate): string {
  const words = (part: Predicate): string => {
    switch (part.is) {
      case 'and':
      case 'or':
        return part.of.length === 1
          ? part.of.map(words).join()
          : `(${part.of.map(words).join(` ${part.is} `)})`;
      case 'not':
        return `not ${words(part.of)}`;
      default: {
        const quantity = describeQuantity(part);
        if (part.above === undefined) return `${quantity} < ${part.below}`;
        return part.below === undefined
          ? `${quantity} > ${part.above}`
          : `${part.above} < ${quantity} < ${part.below}`;
      }
    }
  };
  return words(readPredicate(predicate, 'predicate'));
}
