import { fill, Tensor } from '@tensorflow/tfjs-core';
import { checkRandom } from '../../core/random.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { joinRows, splitRows } from '../rows.js';
import { checkDimensions, checkEntries, checkTarget, entryCount } from '../shape-checks.js';
import { narrowed, widened } from './precision.js';
import { type TensorDevice, throwEmpty } from './tensor-device.js';

type Construction = Pick<
  LinearAlgebra<Tensor>,
  'isArray' | 'shape' | 'fromArray' | 'fromRows' | 'toArray' | 'toRows' | 'readInto' | 'peek' | 'full' | 'randomNormal'
>;

/** Construction and transfer. Values are rounded to float32 on their way in. */
export function construction(device: TensorDevice): Construction {
  const full = (caller: string, shape: readonly number[], value: number): Tensor => {
    checkNonempty(caller, shape);
    return device.run(() => fill([...shape], value, 'float32'));
  };
  const toArray = (x: Tensor): Float64Array | Promise<Float64Array> => {
    device.check('toArray', x);
    if (device.synchronous) return widened(x.dataSync<'float32'>());
    return x.data<'float32'>().then((values) => widened(values));
  };
  return {
    isArray: (value): value is Tensor => value instanceof Tensor,

    shape: (x) => device.check('shape', x),

    fromArray(values, shape) {
      checkEntries(values, shape);
      checkNonempty('fromArray', shape);
      return device.upload(values instanceof Float32Array && device.copiesUploads ? values : narrowed(values), shape);
    },

    fromRows(rows) {
      const { values, shape } = joinRows(rows);
      checkNonempty('fromRows', shape);
      return device.upload(narrowed(values), shape);
    },

    toArray,

    toRows(x) {
      const shape = device.check('toRows', x);
      const values = toArray(x);
      return values instanceof Float64Array ? splitRows(values, shape) : values.then((read) => splitRows(read, shape));
    },

    readInto(x, target) {
      checkTarget('readInto', device.check('readInto', x), target);
      return device.readInto(x, target);
    },

    peek(x) {
      device.check('peek', x);
      return device.local ? widened(x.dataSync<'float32'>()) : undefined;
    },

    full: (shape, value) => full('full', shape, value),

    randomNormal(shape, random) {
      checkRandom('randomNormal', random);
      checkNonempty('randomNormal', shape);
      const draws = new Float32Array(entryCount(shape));
      for (let i = 0; i < draws.length; i++) draws[i] = random.normal();
      return device.upload(draws, shape);
    },
  };
}

function checkNonempty(caller: string, shape: readonly number[]): void {
  checkDimensions(caller, shape);
  if (entryCount(shape) === 0) throwEmpty(caller, shape);
}
