// Seeded problems: a dictionary and samples, from easy to nasty. Everything is float32, so that the library
// and the float64 references see the same numbers.
import type { Matrix } from '../../lib/index.js';
import { norm, toMatrix } from './linear.js';
import { makeRandom, type Random } from './random.js';

export interface Problem {
  readonly name: string;
  readonly atoms: Matrix<Float32Array>;
  readonly samples: Matrix<Float32Array>;
}

export interface Size {
  readonly features: number;
  readonly dims: number;
  readonly samples: number;
  /** atoms mixed into each sample */
  readonly active?: number;
  /** norm of the noise relative to the signal's */
  readonly noise?: number;
  readonly nonnegative?: boolean;
}

type Row = number[];

const gaussianRow = (random: Random, dims: number): Row =>
  Array.from({ length: dims }, () => random.normal());

function unit(row: Row): Row {
  const size = norm(row);
  return size === 0 ? row : row.map((v) => v / size);
}

/** Sparse mixtures of the atoms plus Gaussian noise; magnitudes uniform on [0.5, 1.5]. */
export function mixtures(random: Random, atoms: readonly Row[], size: Size): Row[] {
  const { dims, samples, active = 4, noise = 0.05, nonnegative = false } = size;
  return Array.from({ length: samples }, () => {
    const x: Row = new Array<number>(dims).fill(0);
    for (const j of random.choose(Math.min(active, atoms.length), atoms.length)) {
      const value = (0.5 + random.uniform()) * (nonnegative ? 1 : random.sign());
      atoms[j]?.forEach((d, k) => {
        x[k] = (x[k] as number) + value * d;
      });
    }
    const scale = (noise * norm(x)) / Math.sqrt(dims);
    return x.map((v) => v + scale * random.normal());
  });
}

function problem(name: string, atoms: Row[], samples: Row[], dims: number): Problem {
  return { name, atoms: toMatrix(atoms, dims), samples: toMatrix(samples, dims) };
}

/** Independent Gaussian unit atoms: the well-behaved case. */
export function gaussian(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const atoms = Array.from({ length: size.features }, () => unit(gaussianRow(random, size.dims)));
  return problem('gaussian', atoms, mixtures(random, atoms, size), size.dims);
}

/** Atoms in tight clusters: normalise(centre + 0.5 × unit noise), eight atoms a centre. */
export function coherent(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const spread = 0.5;
  const centres = Array.from({ length: Math.ceil(size.features / 8) }, () =>
    unit(gaussianRow(random, size.dims)),
  );
  const atoms = Array.from({ length: size.features }, (_, j) => {
    const noise = unit(gaussianRow(random, size.dims));
    return unit((centres[j % centres.length] as Row).map((c, k) => c + spread * (noise[k] as number)));
  });
  return problem('coherent', atoms, mixtures(random, atoms, size), size.dims);
}

/** Every atom comes twice, and every third a third time with the other sign: the code is not unique. */
export function duplicates(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const third = Math.ceil(size.features / 3);
  const base = Array.from({ length: third }, () => unit(gaussianRow(random, size.dims)));
  const atoms = Array.from({ length: size.features }, (_, j) => {
    const atom = base[j % third] as Row;
    return j < 2 * third ? atom : atom.map((v) => -v);
  });
  return problem('duplicate atoms', atoms, mixtures(random, base, size), size.dims);
}

/** Atoms span a third of the space only; samples have energy outside it. */
export function rankDeficient(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const rank = Math.max(1, Math.floor(size.dims / 3));
  const basis = Array.from({ length: rank }, () => unit(gaussianRow(random, size.dims)));
  const atoms = Array.from({ length: size.features }, () => {
    const atom: Row = new Array<number>(size.dims).fill(0);
    for (const b of basis) {
      const c = random.normal();
      b.forEach((v, k) => {
        atom[k] = (atom[k] as number) + c * v;
      });
    }
    return unit(atom);
  });
  return problem('rank-deficient', atoms, mixtures(random, atoms, { ...size, noise: 0.5 }), size.dims);
}

/** Atom norms over four decades, and some atoms that are zero. */
export function unevenNorms(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const atoms = Array.from({ length: size.features }, (_, j) => {
    const scale = j % 7 === 3 ? 0 : 10 ** (4 * random.uniform() - 2);
    return unit(gaussianRow(random, size.dims)).map((v) => v * scale);
  });
  return problem('uneven norms and zero atoms', atoms, mixtures(random, atoms, size), size.dims);
}

/** Samples whose scales differ by many orders (Cauchy-like rows), with zero samples among them. */
export function heavyTailed(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const atoms = Array.from({ length: size.features }, () => unit(gaussianRow(random, size.dims)));
  const samples = Array.from({ length: size.samples }, (_, i) => {
    if (i % 5 === 2) return new Array<number>(size.dims).fill(0);
    const scale = 10 ** (6 * random.uniform() - 3);
    return Array.from(
      { length: size.dims },
      () => (scale * random.normal()) / (Math.abs(random.normal()) + 0.05),
    );
  });
  return problem('heavy tails and zero samples', atoms, samples, size.dims);
}

/** The same problem with all samples multiplied. */
export function scaled(base: Problem, factor: number): Problem {
  return {
    name: `${base.name} × ${factor}`,
    atoms: base.atoms,
    samples: { data: base.samples.data.map((v) => v * factor), shape: base.samples.shape },
  };
}

function named(base: Problem, name: string): Problem {
  return { ...base, name };
}

/** The standard table: every solver runs on all of these. Sizes are odd on purpose. */
export function standardProblems(nonnegative = false): Problem[] {
  const size: Size = { features: 61, dims: 23, samples: 6, active: 4, nonnegative };
  const easy = gaussian(11, size);
  return [
    easy,
    coherent(12, size),
    duplicates(13, size),
    rankDeficient(14, size),
    unevenNorms(15, size),
    heavyTailed(16, size),
    named(gaussian(17, { ...size, features: 7, dims: 40 }), 'fewer features than dims'),
    named(gaussian(18, { ...size, features: 1, active: 1 }), 'one feature'),
    named(gaussian(19, { ...size, dims: 1, features: 9, active: 2 }), 'one dim'),
    named(gaussian(20, { ...size, dims: 1, features: 1, active: 1 }), 'one feature, one dim'),
    named(gaussian(21, { ...size, samples: 1 }), 'one sample'),
    named(gaussian(22, { ...size, samples: 0 }), 'empty batch'),
    scaled(easy, 2 ** -90),
    scaled(easy, 1e28),
  ];
}
