/** Shapes of a batched matrix product: which member of A and of B makes which member of C. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { DomainError, ShapeError } from '../../../core/errors.js';

/** A batch of products C_i (m×n) = op(A_a(i)) op(B_b(i)), each operand's members one after another. */
export interface MatmulPlan {
  /** Shape of the result, batch axes included. */
  readonly shape: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Number of the member of A that makes each member of the result. */
  readonly membersA: readonly number[];
  /** Number of the member of B that makes each member of the result. */
  readonly membersB: readonly number[];
}

/**
 * Plans a product as `tf.matMul` defines it; leading axes are broadcast.
 *
 * TensorFlow.js itself takes members modulo each operand's number of them, which is right only where one operand has
 * one member or both have the same axes. Here [2, 1, m, k] by [2, 3, k, n] is right too.
 *
 * @throws DomainError if a type is not float32.
 * @throws ShapeError if inner lengths or batch axes do not match.
 */
export function planMatmul(a: TensorInfo, b: TensorInfo, transposeA: boolean, transposeB: boolean): MatmulPlan {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    throw new DomainError(`matMul: expected float32 tensors, got ${a.dtype} and ${b.dtype}; cast them first`);
  }
  const [rowsA, columnsA] = a.shape.slice(-2);
  const [rowsB, columnsB] = b.shape.slice(-2);
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [inner, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  const given = `[${a.shape.join(', ')}]${transposeA ? 'ᵀ' : ''} and [${b.shape.join(', ')}]${transposeB ? 'ᵀ' : ''}`;
  if (a.shape.length < 2 || b.shape.length < 2 || k !== inner) {
    throw new ShapeError(`matMul: expected matrices with equal inner lengths, got ${given}; check the transpose flags`);
  }
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcast(batchA, batchB);
  if (batch === undefined) throw new ShapeError(`matMul: expected batch axes equal or 1, got ${given}; reshape one of them`);
  const [membersA, membersB] = [members(batch, batchA), members(batch, batchB)];
  const plan = { shape: [...batch, m, n], m, n, k, transposeA, transposeB, membersA, membersB };
  return foldable(plan, batchA, batchB) ? { ...plan, m: m * membersA.length, membersA: [0], membersB: [0] } : plan;
}

/** Returns true if the rows of all members of A can be multiplied by one B at once, as rows of one matrix. */
function foldable({ transposeA, membersA }: MatmulPlan, batchA: readonly number[], batchB: readonly number[]): boolean {
  return !transposeA && membersA.length > 1 && batchB.every((length) => length === 1) && size(batchA) === membersA.length;
}

function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [left, right] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (left !== right && left !== 1 && right !== 1) return undefined;
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

/** Returns the member of a broadcast operand behind each member of the result. */
function members(batch: readonly number[], own: readonly number[]): number[] {
  let list = [0];
  let stride = size(own);
  for (let axis = 0; axis < batch.length; axis++) {
    const length = own[axis - batch.length + own.length] ?? 1;
    stride /= length;
    const step = length === 1 ? 0 : stride;
    list = list.flatMap((start) => Array.from({ length: batch[axis] }, (_, index) => start + index * step));
  }
  return list;
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
