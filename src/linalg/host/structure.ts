import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
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
import { allocate, allocateForOverwrite } from './allocate.js';
import { checkArray, copyStrided, type HostArray, memberOffset, packed, packedCopy, wrap } from './host-array.js';

type Structure = Pick<
  LinearAlgebra<HostArray>,
  'scaleRows' | 'scaleColumns' | 'scaleEach' | 'diag' | 'diagMatrix' | 'transpose' | 'concat' | 'slice' | 'reshape'
>;

/** The structural part of the contract: rows, columns, diagonals, and moving entries; at most one flop per entry. */
export const structure: Structure = {
  scaleRows(d, x) {
    const factors = packed('scaleRows', d);
    const entries = packed('scaleRows', x);
    checkScaling('scaleRows', d.shape, x.shape, 2);
    const n = x.shape[x.shape.length - 1];
    const out = allocateForOverwrite(entries.length);
    for (let row = 0; row < factors.length; row++) {
      const factor = factors[row];
      for (let i = row * n; i < (row + 1) * n; i++) out[i] = factor * entries[i];
    }
    return wrap(out, x.shape);
  },

  scaleColumns(x, d) {
    const entries = packed('scaleColumns', x);
    const factors = packed('scaleColumns', d);
    checkScaling('scaleColumns', d.shape, x.shape, 1);
    const [m, n] = x.shape.slice(-2);
    const out = allocateForOverwrite(entries.length);
    for (let row = 0; row * n < out.length; row++) {
      const start = row * n;
      const factorStart = Math.floor(row / m) * n;
      for (let j = 0; j < n; j++) out[start + j] = entries[start + j] * factors[factorStart + j];
    }
    return wrap(out, x.shape);
  },

  scaleEach(c, x) {
    const factors = packed('scaleEach', c);
    const entries = packed('scaleEach', x);
    const batchAxes = c.shape.length;
    checkScaleEach(c.shape, x.shape);
    const size = entryCount(x.shape.slice(batchAxes));
    const out = allocateForOverwrite(entries.length);
    for (let index = 0; index < factors.length; index++) {
      const factor = factors[index];
      for (let i = index * size; i < (index + 1) * size; i++) out[i] = factor * entries[i];
    }
    return wrap(out, x.shape);
  },

  diag(x) {
    const entries = packed('diag', x);
    checkSquare('diag', x.shape);
    const n = x.shape[x.shape.length - 1];
    const out = allocate(n === 0 ? 0 : entries.length / n);
    for (let row = 0; row < out.length; row++) out[row] = entries[row * n + (row % n)];
    return wrap(out, x.shape.slice(0, -1));
  },

  diagMatrix(d) {
    const entries = packed('diagMatrix', d);
    checkVector('diagMatrix', d.shape);
    const n = d.shape[d.shape.length - 1];
    const out = allocate(entries.length * n);
    for (let row = 0; row < entries.length; row++) out[row * n + (row % n)] = entries[row];
    return wrap(out, [...d.shape, n]);
  },

  transpose(x) {
    checkArray('transpose', x);
    checkMatrix('transpose', x.shape);
    const axes = x.shape.length;
    const [m, n] = [x.shape[axes - 2], x.shape[axes - 1]];
    const out = allocateForOverwrite(entryCount(x.shape));
    for (let start = 0, index = 0; start < out.length; start += m * n, index++) {
      copyStrided(n, m, x.data, memberOffset(x, index, 2), x.stride[axes - 1], x.stride[axes - 2], out, start);
    }
    return wrap(out, [...x.shape.slice(0, -2), n, m]);
  },

  concat,
  slice,

  reshape(x, shape) {
    checkArray('reshape', x);
    checkDimensions('reshape', shape);
    if (entryCount(shape) !== entryCount(x.shape)) {
      throwMismatch('reshape', 'a shape with as many entries', x.shape, shape, `pass a shape with ${entryCount(x.shape)} entries`);
    }
    return wrap(packedCopy('reshape', x), shape);
  },
};

function concat(parts: readonly HostArray[], along: 'rows' | 'columns'): HostArray {
  if (along !== 'rows' && along !== 'columns') {
    throw new ConfigError(`concat: along must be 'rows' or 'columns', got ${describeValue(along)}`);
  }
  if (!Array.isArray(parts) || parts.length === 0)
    throw new ShapeError('concat: expected at least one matrix, got none; pass a list of matrices');
  const blocks = parts.map((part: HostArray) => packed('concat', part));
  const first = parts[0].shape;
  // Seen from its flat buffer, joining along rows puts whole matrices after one another, along columns whole rows.
  const tail = along === 'rows' ? 2 : 1;
  checkConcat(
    parts.map((part: HostArray) => part.shape),
    along,
  );
  let joined = 0;
  for (const part of parts) joined += part.shape[part.shape.length - tail];
  const shape = first.slice();
  shape[shape.length - tail] = joined;
  const out = allocate(entryCount(shape));
  const chunk = entryCount(shape.slice(-tail));
  let position = 0;
  blocks.forEach((block, index) => {
    const size = entryCount(parts[index].shape.slice(-tail));
    for (let from = 0, to = position; from < block.length; from += size, to += chunk) out.set(block.subarray(from, from + size), to);
    position += size;
  });
  return wrap(out, shape);
}

function slice(
  x: HostArray,
  ranges: { readonly rows?: readonly [number, number]; readonly columns?: readonly [number, number] },
): HostArray {
  checkEngineOptions('slice', ranges);
  checkArray('slice', x);
  checkMatrix('slice', x.shape);
  const axes = x.shape.length;
  const [m, n] = [x.shape[axes - 2], x.shape[axes - 1]];
  const [firstRow, endRow] = checkRange('rows', ranges.rows ?? [0, m], m, x.shape);
  const [firstColumn, endColumn] = checkRange('columns', ranges.columns ?? [0, n], n, x.shape);
  const [rowStride, columnStride] = [x.stride[axes - 2], x.stride[axes - 1]];
  const shape = [...x.shape.slice(0, -2), endRow - firstRow, endColumn - firstColumn];
  const out = allocate(entryCount(shape));
  const size = (endRow - firstRow) * (endColumn - firstColumn);
  for (let start = 0, index = 0; start < out.length; start += size, index++) {
    const offset = memberOffset(x, index, 2) + firstRow * rowStride + firstColumn * columnStride;
    copyStrided(endRow - firstRow, endColumn - firstColumn, x.data, offset, rowStride, columnStride, out, start);
  }
  return wrap(out, shape);
}
