/**
 * Checks the options of an engine's operations. They are read without a declaration, since an operation on small arrays
 * takes less time than that would; a loop over the keys that are there costs some nanoseconds.
 */
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/** The options of each operation that has some, and what each must be. */
const known = {
  matmul: { transposeA: 'boolean', transposeB: 'boolean' },
  sparseMatmul: { transpose: 'boolean' },
  svd: { accuracy: "'absolute' or 'relative'" },
  solveTriangular: { lower: 'boolean', transpose: 'boolean', side: "'left' or 'right'" },
  slice: { rows: '[first, end)', columns: '[first, end)' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Options of NumPy, SciPy, LAPACK and other libraries, in lower case without underscores. */
const elsewhere: Readonly<Record<string, string>> = {
  adjointa: 'name it transposeA',
  adjointb: 'name it transposeB',
  computeuv: 'the singular vectors are always computed',
  fullmatrices: 'the decomposition is always thin: U [m, k], S [k], V [n, k], k = min(m, n)',
  left: "write side: 'left' or 'right'",
  trans: 'name it transpose',
  transa: 'name it transposeA',
  transb: 'name it transposeB',
  upper: 'write lower: false for the upper triangle',
};

/**
 * Checks that options are those of an operation.
 *
 * @throws ConfigError for an option that the operation does not have, or a value of another type than boolean where it
 * must be one. Words and ranges are checked where they are used.
 */
export function checkEngineOptions(operation: keyof typeof known, options: object): void {
  const own: Readonly<Record<string, string>> = known[operation];
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw noOptions(operation, options);
  for (const key in options) {
    const kind = own[key];
    if (kind === undefined) throw unknownOption(operation, key);
    const value: unknown = (options as Readonly<Record<string, unknown>>)[key];
    if (kind === 'boolean' && value !== undefined && typeof value !== 'boolean')
      throw new ConfigError(`${operation}: ${key} must be true or false, got ${describeValue(value)}; pass one of them`);
  }
}

function listed(operation: keyof typeof known): string {
  return Object.entries(known[operation])
    .map(([key, kind]) => `${key}: ${kind}`)
    .join(', ');
}

function noOptions(operation: keyof typeof known, options: unknown): ConfigError {
  return new ConfigError(`${operation}: expected options { ${listed(operation)} }, got ${describeValue(options)}; name them`);
}

function unknownOption(operation: keyof typeof known, key: string): ConfigError {
  const plain = key.replaceAll('_', '').toLowerCase();
  const remedy = Object.hasOwn(elsewhere, plain) ? elsewhere[plain] : 'take the option out, or correct its name';
  return new ConfigError(`${operation}: unknown option '${key}', the options are { ${listed(operation)} }; ${remedy}`);
}
