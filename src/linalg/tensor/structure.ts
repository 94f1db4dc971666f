import { concat, mul, pad, reshape, slice, type Tensor, transpose } from '@tensorflow/tfjs-core';
import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import type { SliceRanges } from '../linear-algebra-types.js';
import {
  checkConcat,
  checkDimensions,
  checkMatrix,
  checkRange,
  checkScaleEach,
  checkScaling,
  checkSquare,
  checkVector,
  entryCount,
  throwMismatch,
} from '../shape-checks.js';
import { flatBatch, type TensorDevice, throwEmpty } from './tensor-device.js';

type Structure = Pick<
  LinearAlgebra<Tensor>,
  'scaleRows' | 'scaleColumns' | 'scaleEach' | 'diag' | 'diagMatrix' | 'transpose' | 'concat' | 'slice' | 'reshape'
>;

/** The structural part of the contract on a device. Batch axes are joined first: no kernel sees more than three. */
export function structure(device: TensorDevice): Structure {
  return {
    ...scalings(device),
    ...diagonals(device),

    transpose(x) {
      const shape = device.check('transpose', x);
      checkMatrix('transpose', shape);
      const [m, n] = shape.slice(-2);
      return device.run(() => reshape(transpose(reshape(x, flatBatch(shape, 2)), [0, 2, 1]), [...shape.slice(0, -2), n, m]));
    },

    concat: (parts, along) => concatenate(device, parts, along),
    slice: (x, ranges) => cut(device, x, ranges),

    reshape(x, shape) {
      const old = device.check('reshape', x);
      checkDimensions('reshape', shape);
      if (entryCount(shape) !== x.size) {
        throwMismatch('reshape', 'a shape with as many entries', old, shape, `pass a shape with ${x.size} entries`);
      }
      return device.run(() => reshape(x, [...shape]));
    },
  };
}

function scalings(device: TensorDevice): Pick<Structure, 'scaleRows' | 'scaleColumns' | 'scaleEach'> {
  return {
    scaleRows(d, x) {
      const shape = scalingShape(device, 'scaleRows', d, x, 2);
      const [count, m, n] = flatBatch(shape, 2);
      return device.run(() => reshape(mul(reshape(d, [count, m, 1]), reshape(x, [count, m, n])), [...shape]));
    },

    scaleColumns(x, d) {
      const shape = scalingShape(device, 'scaleColumns', d, x, 1);
      const [count, m, n] = flatBatch(shape, 2);
      return device.run(() => reshape(mul(reshape(x, [count, m, n]), reshape(d, [count, 1, n])), [...shape]));
    },

    scaleEach(c, x) {
      const batch = device.check('scaleEach', c);
      const shape = device.check('scaleEach', x);
      checkScaleEach(batch, shape);
      return device.run(() => reshape(mul(reshape(c, [c.size, 1]), reshape(x, [c.size, x.size / c.size])), [...shape]));
    },
  };
}

/**
 * With a column of padding, row-major order puts the diagonal of an n×n matrix into one column (n + 1 entries apart).
 * Multiplying by the identity instead would turn infinities beside the diagonal into NaN.
 */
function diagonals(device: TensorDevice): Pick<Structure, 'diag' | 'diagMatrix'> {
  return {
    diag(x) {
      const shape = device.check('diag', x);
      checkSquare('diag', shape);
      const [count, n] = flatBatch(shape, 2);
      return device.run(() => {
        const padded = pad(reshape(x, [count, n * n]), [
          [0, 0],
          [0, n],
        ]);
        return reshape(slice(reshape(padded, [count, n, n + 1]), [0, 0, 0], [count, n, 1]), shape.slice(0, -1));
      });
    },

    diagMatrix(d) {
      const shape = device.check('diagMatrix', d);
      checkVector('diagMatrix', shape);
      const [count, n] = flatBatch(shape, 1);
      return device.run(() => {
        const padded = pad(reshape(d, [count, n, 1]), [
          [0, 0],
          [0, 0],
          [0, n],
        ]);
        return reshape(slice(reshape(padded, [count, n * (n + 1)]), [0, 0], [count, n * n]), [...shape, n]);
      });
    },
  };
}

function scalingShape(device: TensorDevice, caller: string, d: Tensor, x: Tensor, fromEnd: 1 | 2): readonly number[] {
  const [shapeD, shapeX] = [device.check(caller, d), device.check(caller, x)];
  checkScaling(caller, shapeD, shapeX, fromEnd);
  return shapeX;
}

function concatenate(device: TensorDevice, parts: readonly Tensor[], along: 'rows' | 'columns'): Tensor {
  if (along !== 'rows' && along !== 'columns') {
    throw new ConfigError(`concat: along must be 'rows' or 'columns', got ${describeValue(along)}`);
  }
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new ShapeError('concat: expected at least one matrix, got none; pass a list of matrices');
  }
  const shapes = parts.map((part: Tensor) => device.check('concat', part));
  checkConcat(shapes, along);
  return device.run(() => {
    const flat = parts.map((part: Tensor, index) => reshape(part, flatBatch(shapes[index], 2)));
    const joined = concat(flat, along === 'rows' ? 1 : 2);
    return reshape(joined, [...shapes[0].slice(0, -2), ...joined.shape.slice(-2)]);
  });
}

function cut(device: TensorDevice, x: Tensor, ranges: SliceRanges): Tensor {
  checkEngineOptions('slice', ranges);
  const shape = device.check('slice', x);
  checkMatrix('slice', shape);
  const [count, m, n] = flatBatch(shape, 2);
  const [firstRow, endRow] = checkRange('rows', ranges.rows ?? [0, m], m, shape);
  const [firstColumn, endColumn] = checkRange('columns', ranges.columns ?? [0, n], n, shape);
  const [rows, columns] = [endRow - firstRow, endColumn - firstColumn];
  if (rows * columns === 0) throwEmpty('slice', [...shape.slice(0, -2), rows, columns]);
  return device.run(() =>
    reshape(slice(reshape(x, [count, m, n]), [0, firstRow, firstColumn], [count, rows, columns]), [...shape.slice(0, -2), rows, columns]),
  );
}
