import {
  add,
  atan,
  cast,
  cos,
  div,
  exp,
  greater,
  isNaN as isNotANumber,
  log,
  maximum,
  mul,
  neg,
  notEqual,
  onesLike,
  reshape,
  sin,
  sqrt,
  sub,
  type Tensor,
  where,
} from '@tensorflow/tfjs-core';
import { checkScalar } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkSameShape } from '../shape-checks.js';
import type { TensorDevice } from './tensor-device.js';

type UnaryName = 'sqrt' | 'exp' | 'log' | 'sin' | 'cos' | 'atan' | 'sign';
type BinaryName = 'add' | 'subtract' | 'multiply' | 'divide';
type Elementwise = Pick<LinearAlgebra<Tensor>, UnaryName | BinaryName | 'scale' | 'axpy' | 'maximum' | 'greater' | 'where'>;

const unaryOperations: Readonly<Record<UnaryName, (x: Tensor) => Tensor>> = {
  sqrt,
  exp,
  log,
  sin,
  cos,
  atan,
  // The kernels give 0 for NaN, and the one of wasm for magnitudes below 1e-7 too; what is neither is itself.
  sign: (x) => select(greater(x, 0), onesLike(x), select(greater(0, x), neg(onesLike(x)), x)),
};

const binaryOperations: Readonly<Record<BinaryName, (x: Tensor, y: Tensor) => Tensor>> = { add, subtract: sub, multiply: mul, divide: div };

/**
 * The elementwise part of the contract on a device: one kernel launch each, two or three where a backend's kernel
 * treats NaN differently from the contract.
 */
export function elementwise(device: TensorDevice): Elementwise {
  const pair = (caller: string, x: Tensor, y: Tensor): void => checkSameShape(caller, device.check(caller, x), device.check(caller, y));
  const unary =
    (name: UnaryName) =>
    (x: Tensor): Tensor => {
      device.check(name, x);
      return device.run(() => unaryOperations[name](x));
    };
  const binary =
    (name: BinaryName) =>
    (x: Tensor, y: Tensor): Tensor => {
      pair(name, x, y);
      return device.run(() => binaryOperations[name](x, y));
    };
  return {
    add: binary('add'),
    subtract: binary('subtract'),
    multiply: binary('multiply'),
    divide: binary('divide'),
    sqrt: unary('sqrt'),
    exp: unary('exp'),
    log: unary('log'),
    sin: unary('sin'),
    cos: unary('cos'),
    atan: unary('atan'),
    sign: unary('sign'),

    scale(factor, x) {
      checkScalar('scale', 'the factor', factor);
      device.check('scale', x);
      return device.run(() => mul(factor, x));
    },

    axpy(factor, x, y) {
      checkScalar('axpy', 'the factor', factor);
      pair('axpy', x, y);
      return device.run(() => add(mul(factor, x), y));
    },

    maximum(x, y) {
      device.check('maximum', x);
      if (typeof y === 'number') return device.run(() => maximum(x, y));
      pair('maximum', x, y);
      // The kernels let a NaN through from the left only.
      return device.run(() => select(isNotANumber(y), y, maximum(x, y)));
    },

    greater(x, y) {
      device.check('greater', x);
      if (typeof y !== 'number') pair('greater', x, y);
      return device.run(() => cast(greater(x, y), 'float32'));
    },

    where(mask, x, y) {
      pair('where', mask, x);
      pair('where', mask, y);
      return device.run(() => select(notEqual(mask, 0), x, y));
    },
  };
}

/** `where` on one axis: WebGPU's program has at most four. */
function select(condition: Tensor, x: Tensor, y: Tensor): Tensor {
  const [flatCondition, flatX, flatY] = [condition, x, y].map((operand) => reshape(operand, [operand.size]));
  return reshape(where(flatCondition, flatX, flatY), x.shape);
}
