/** Small files that inputs are made from, and engines for what goes on with them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import { type TensorAlgebra, tensorAlgebra } from '../../../src/linalg/tensor/index.js';
import { BrokenPromise } from '../fuzz-class.js';

const repository = path.resolve(import.meta.dirname, '../../..');

/** The path of a file of the repository. */
export function inRepository(...parts: readonly string[]): string {
  return path.join(repository, ...parts);
}

/** A JSON file of the repository. */
export function jsonFixture(...parts: readonly string[]): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(inRepository(...parts), 'utf8')) as Readonly<Record<string, unknown>>;
}

/** The engine that every machine has. */
export function wasmAlgebra(): Promise<TensorAlgebra> {
  return tensorAlgebra({ backend: 'wasm' });
}

/** Requires that a computation leaves as many tensors as it found. */
export async function withoutLeak(compute: () => Promise<void>): Promise<void> {
  const before = memory().numTensors;
  await compute();
  const left = memory().numTensors - before;
  if (left !== 0) throw new BrokenPromise(`${left} tensors are left`);
}

/**
 * A regular expression or pattern: sound ones, ones of other languages, and ones that make backtracking engines go on
 * for ever.
 */
export const patterns: readonly string[] = [
  ...['q_proj', '.*', '.*_proj', 'model\\.layers\\.0\\..*', '(q|v)_proj', '.*\\.(0|1)\\.self_attn\\.[qv]_proj', 'layers\\.\\d+\\.mlp'],
  ...[
    '(?P<n>q)_proj',
    '(?i)Q_PROJ',
    '(?P=n)',
    '(?<n>q)',
    '(?:q)',
    'q(?=_)',
    '(?<!x)q',
    'q\\Z',
    '\\Aq',
    '\\bq',
    '[[:alpha:]]+',
    '\\p{L}+',
    '(?s).*',
    '(?x) q ',
  ],
  ...[
    '([a-z_.0-9]+)+!',
    '(a+)+$',
    '(.*)*x',
    '(.*.*)*!',
    '(\\w|_)*!',
    '(a|a)*$',
    '(.|\\n)*!',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(\\s*\\S*)*!',
    '(.+)+\\.x\\.(.+)+',
  ],
  ...[
    '.{0,20000}',
    '(.{1,1000}){1,1000}',
    'a{999999999}',
    '(a{1,100}){1,100}',
    '(((((((((x?){30}){30}){30}){30}))))',
    '('.repeat(2000) + ')'.repeat(2000),
  ],
  ...[
    '(',
    ')',
    '[',
    '[^]',
    '*',
    'a**',
    'a++',
    '(?',
    '(?>a)',
    '\\',
    '\\u',
    '{',
    '',
    ' ',
    '(?#c)',
    '\\1',
    '(a)\\1',
    '$^',
    '\u0000',
    '[z-a]',
    '\\N{DASH}',
  ],
];
