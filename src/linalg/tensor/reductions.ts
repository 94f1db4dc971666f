import {
  abs,
  div,
  greater,
  lessEqual,
  logicalAnd,
  max,
  mul,
  onesLike,
  reshape,
  sqrt,
  square,
  sum,
  type Tensor,
  where,
} from '@tensorflow/tfjs-core';
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { hostAlgebra } from '../host/host-algebra.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkMatrix, checkSameShape, checkVector } from '../shape-checks.js';
import { narrowed } from './precision.js';
import { flatBatch, type TensorDevice } from './tensor-device.js';

type StayingReductions = Pick<LinearAlgebra<Tensor>, 'sum' | 'sumVector' | 'innerEach' | 'normEach'>;
type LeavingReductions = Pick<LinearAlgebra<Tensor>, 'inner' | 'norm' | 'total' | 'maxAbs'>;

/**
 * The reductions of the contract on a device.
 *
 * Those that stay there add up in float32, in the backend's order: their error is at most n·ε·Σ|xᵢ| for n terms. Those
 * that leave it add up in float64 on wasm and cpu, where reading is a copy; elsewhere in float32, with one number read
 * back.
 */
export function reductions(device: TensorDevice): StayingReductions & LeavingReductions {
  return { ...staying(device), ...(device.local ? leavingByHost(device) : leaving(device)) };
}

function staying(device: TensorDevice): StayingReductions {
  const sumVector = (x: Tensor): Tensor => {
    const shape = device.check('sumVector', x);
    checkVector('sumVector', shape);
    return device.run(() => reshape(sum(reshape(x, flatBatch(shape, 1)), 1), shape.slice(0, -1)));
  };
  return {
    sum(x, of) {
      const shape = device.check('sum', x);
      checkMatrix('sum', shape);
      if (of !== 'rows' && of !== 'columns') throw new ConfigError(`sum: of must be 'rows' or 'columns', got ${describeValue(of)}`);
      const [m, n] = shape.slice(-2);
      return device.run(() =>
        reshape(sum(reshape(x, flatBatch(shape, 2)), of === 'rows' ? 2 : 1), [...shape.slice(0, -2), of === 'rows' ? m : n]),
      );
    },

    sumVector,

    innerEach(x, y) {
      const shape = device.check('innerEach', x);
      const shapeY = device.check('innerEach', y);
      checkMatrix('innerEach', shape);
      checkSameShape('innerEach', shape, shapeY);
      return device.run(() => reshape(sum(reshape(mul(x, y), memberRows(shape)), 1), shape.slice(0, -2)));
    },

    normEach(x) {
      const shape = device.check('normEach', x);
      checkMatrix('normEach', shape);
      if (device.local) {
        const { normEach, peek } = hostAlgebra();
        return device.upload(narrowed(peek(normEach(device.download(x)))), shape.slice(0, -2));
      }
      return device.run(() => reshape(safeNorms(reshape(x, memberRows(shape))), shape.slice(0, -2)));
    },
  };
}

/** Returns [count, m·n], the shape with the entries of each batch member in one row. */
function memberRows(shape: readonly number[]): [number, number] {
  const [count, m, n] = flatBatch(shape, 2);
  return [count, m * n];
}

const LARGEST_FLOAT32 = 2 ** 128 - 2 ** 104;

/** Norms of rows, each divided by its largest entry first: float32 overflows at 2¹²⁸, so a square does at 2⁶⁴. */
function safeNorms(rows: Tensor): Tensor {
  const largest = max(abs(rows), 1, true);
  // A row of zeros, or with an infinity or a NaN, is left as it is.
  const scalable = logicalAnd(greater(largest, 0), lessEqual(largest, LARGEST_FLOAT32));
  const scales = where(scalable, largest, onesLike(largest));
  return mul(reshape(scales, [rows.shape[0]]), sqrt(sum(square(div(rows, scales)), 1)));
}

function leavingByHost(device: TensorDevice): LeavingReductions {
  const host = hostAlgebra();
  const read = (caller: string, x: Tensor) => {
    device.check(caller, x);
    return device.download(x);
  };
  return {
    inner(x, y) {
      checkSameShape('inner', device.check('inner', x), device.check('inner', y));
      return host.inner(device.download(x), device.download(y));
    },
    norm: (x) => host.norm(read('norm', x)),
    total: (x) => host.total(read('total', x)),
    maxAbs: (x) => host.maxAbs(read('maxAbs', x)),
  };
}

function leaving(device: TensorDevice): LeavingReductions {
  const read = (caller: string, x: Tensor, compute: () => Tensor): Awaitable<number> => {
    device.check(caller, x);
    return device.readNumber(compute);
  };
  return {
    inner(x, y) {
      checkSameShape('inner', device.check('inner', x), device.check('inner', y));
      return device.readNumber(() => sum(mul(x, y)));
    },
    norm: (x) => read('norm', x, () => reshape(safeNorms(reshape(x, [1, x.size])), [])),
    total: (x) => read('total', x, () => sum(x)),
    maxAbs: (x) => read('maxAbs', x, () => max(abs(x))),
  };
}
