import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { checkEngineOptions } from '../engine-options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkMatrix, checkSameBatch, checkSquare, throwMismatch } from '../shape-checks.js';
import type { TensorDevice } from './tensor-device.js';
import type { TensorFactorizations } from './tensor-factorizations.js';

type Factorizations = Pick<LinearAlgebra<Tensor>, 'qr' | 'svd' | 'eigh' | 'cholesky' | 'solveTriangular'>;

/** The factorizations of the contract: checks and frees around a backend's {@link TensorFactorizations}. */
export function factorizations(device: TensorDevice, backend: TensorFactorizations): Factorizations {
  return {
    qr(x) {
      checkMatrix('qr', device.check('qr', x));
      return device.run(() => backend.qr(x));
    },

    svd(x, options = {}) {
      checkEngineOptions('svd', options);
      const { accuracy = 'absolute' } = options;
      if (accuracy !== 'absolute' && accuracy !== 'relative') {
        throw new ConfigError(`svd: accuracy must be 'absolute' or 'relative', got ${describeValue(accuracy)}`);
      }
      checkMatrix('svd', device.check('svd', x));
      return device.run(() => backend.svd(x, options));
    },

    eigh(x) {
      checkSquare('eigh', device.check('eigh', x));
      return device.run(() => backend.eigh(x));
    },

    cholesky(x) {
      checkSquare('cholesky', device.check('cholesky', x));
      return device.run(() => backend.cholesky(x));
    },

    solveTriangular(triangle, b, options = {}) {
      checkEngineOptions('solveTriangular', options);
      const { side = 'left' } = options;
      if (side !== 'left' && side !== 'right') {
        throw new ConfigError(`solveTriangular: side must be 'left' or 'right', got ${describeValue(side)}`);
      }
      const [shapeT, shapeB] = [device.check('solveTriangular', triangle), device.check('solveTriangular', b)];
      checkSquare('solveTriangular', shapeT);
      checkMatrix('solveTriangular', shapeB);
      checkSameBatch('solveTriangular', shapeT, 2, shapeB, 2);
      const n = shapeT[shapeT.length - 1];
      if (shapeB[shapeB.length - (side === 'right' ? 1 : 2)] !== n) {
        throwMismatch(
          'solveTriangular',
          `a right-hand side with ${n} ${side === 'right' ? 'columns' : 'rows'}`,
          shapeT,
          shapeB,
          "check b, or the option side: 'left' | 'right'",
        );
      }
      return device.run(() => backend.solveTriangular(triangle, b, options));
    },
  };
}
