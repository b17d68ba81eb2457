// How the entries of a matrix lie in its data. Arrays of other libraries say so in fields of their own: each is honoured, or refused by
// name, and none is passed over.
import { UnsuperposeError } from './errors.js';
import { HALF_NAMES } from './half.js';
import { isList, lengthOf, mapEntries } from './memory.js';
import { describe } from './options.js';

/** Row after row, or column after column (Fortran's order). */
export type Layout = 'rows' | 'columns';

/** The names of a type of number among libraries and file formats: NumPy (little-endian, as in memory here), safetensors, C. */
const TYPE_NAMES = {
  Float32Array: ['float32', 'f4', '<f4', '=f4', 'f32', 'single', 'float'],
  Float64Array: ['float64', 'f8', '<f8', '=f8', 'f64', 'double'],
  ...HALF_NAMES,
} as const;

const ORDERS: Readonly<Record<string, Layout>> = {
  c: 'rows',
  'row-major': 'rows',
  f: 'columns',
  fortran: 'columns',
  'column-major': 'columns',
};

/** Fields that say it by true or false. */
const FLAGS: Readonly<Record<string, readonly [whenTrue: Layout, whenFalse: Layout]>> = {
  fortranOrder: ['columns', 'rows'],
  fortran_order: ['columns', 'rows'],
  columnMajor: ['columns', 'rows'],
  rowMajor: ['rows', 'columns'],
};

const FIELDS = [
  'dtype',
  'offset',
  'transposed',
  'order',
  'stride',
  'strides',
  ...Object.keys(FLAGS),
] as const;

function refuse(name: string, field: string, expected: string, got: string): never {
  throw new UnsuperposeError(
    'ERR_SHAPE',
    `${name}.${field} must be ${expected}, got ${got}: give a plain row-major copy`,
    name,
  );
}

function checkType(dtype: unknown, type: keyof typeof TYPE_NAMES, name: string): void {
  const names: readonly string[] = TYPE_NAMES[type];
  if (dtype !== undefined && !(typeof dtype === 'string' && names.includes(dtype.toLowerCase())))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name}.dtype must be '${names[0]}', as ${name}.data is a ${type}, got ${describe(dtype)}`,
      name,
    );
}

/** The layouts that steps along rows and columns (in entries) fit: both for a single row. */
function fitting(steps: readonly unknown[], rows: number, cols: number): Layout[] {
  if (steps.length !== 2) return [];
  const fits = (down: number, along: number): boolean =>
    rows * cols === 0 || ((rows === 1 || steps[0] === down) && (cols === 1 || steps[1] === along));
  return [...(fits(cols, 1) ? (['rows'] as const) : []), ...(fits(1, rows) ? (['columns'] as const) : [])];
}

/**
 * The layout that an object's fields ask for; row after row where they say nothing. Each field is read once.
 * @throws UnsuperposeError `ERR_DTYPE` for a `dtype` that the data are not; `ERR_SHAPE` for what is not honoured
 */
export function readLayout(
  value: object,
  type: keyof typeof TYPE_NAMES,
  rows: number,
  cols: number,
  name: string,
): Layout {
  let fields: Map<string, unknown> | undefined;
  for (const field of FIELDS) {
    const found = (value as Readonly<Record<string, unknown>>)[field];
    if (found === undefined || found === null) continue;
    fields ??= new Map();
    fields.set(field, found);
  }
  return fields === undefined ? 'rows' : layoutOf(fields, type, rows, cols, name);
}

/** The layout that these fields ask for. */
function layoutOf(
  fields: ReadonlyMap<string, unknown>,
  type: keyof typeof TYPE_NAMES,
  rows: number,
  cols: number,
  name: string,
): Layout {
  checkType(fields.get('dtype'), type, name);
  for (const [field, neutral] of [
    ['offset', 0],
    ['transposed', false],
  ] as const)
    if ((fields.get(field) ?? neutral) !== neutral)
      refuse(name, field, String(neutral), describe(fields.get(field)));

  let possible: readonly Layout[] = ['rows', 'columns'];
  const narrow = (field: string, layouts: readonly Layout[]): void => {
    possible = possible.filter((layout) => layouts.includes(layout));
    if (possible.length === 0) refuse(name, field, 'what the other fields say', 'another order');
  };
  for (const [field, [whenTrue, whenFalse]] of Object.entries(FLAGS)) {
    const flag = fields.get(field);
    if (flag === undefined) continue;
    if (typeof flag !== 'boolean') refuse(name, field, 'true or false', describe(flag));
    narrow(field, [flag ? whenTrue : whenFalse]);
  }
  const steps = (['stride', 'strides'] as const).filter((field) => fields.has(field));
  for (const field of steps) {
    const given = fields.get(field);
    const list = isList(given) && lengthOf(given) === 2 ? mapEntries(given, (step) => step) : [];
    const layouts = fitting(list, rows, cols);
    if (layouts.length === 0) {
      const got = list.length === 2 ? `[${list.map(describe).join(', ')}]` : describe(given);
      refuse(name, field, `[${cols}, 1] (row-major) or [1, ${rows}] (column-major), in entries`, got);
    }
    narrow(field, layouts);
  }
  const order = fields.get('order');
  const spelled = typeof order === 'string' ? order.toLowerCase() : '';
  const named = Object.hasOwn(ORDERS, spelled) ? ORDERS[spelled] : undefined;
  if (named !== undefined) narrow('order', [named]);
  // A list of axes (as ndarray has it) says nothing more than the steps beside it.
  else if (order !== undefined && !(Array.isArray(order) && steps.length > 0))
    refuse(name, 'order', "'row-major' ('C') or 'column-major' ('F')", describe(order));
  return possible[0] ?? 'rows';
}

/** Side of the squares that are turned at once, so that both sides of the copy stay in cache. */
const SQUARE = 32;

/** Writes to `out`, row after row, the matrix that `data` has column after column. */
export function toRows<T extends Float32Array | Float64Array>(
  data: Float32Array | Float64Array,
  out: T,
  rows: number,
  cols: number,
): T {
  for (let top = 0; top < rows; top += SQUARE)
    for (let left = 0; left < cols; left += SQUARE)
      for (let i = top; i < Math.min(top + SQUARE, rows); i++)
        for (let j = left; j < Math.min(left + SQUARE, cols); j++)
          out[i * cols + j] = data[j * rows + i] ?? 0;
  return out;
}
