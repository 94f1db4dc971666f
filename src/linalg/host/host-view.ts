/**
 * The host engine's arrays: what `ndarray` gives, without its code generation. `ndarray` compiles a class for each
 * number of axes with `new Function`, which a page under `script-src 'self'` forbids. Making one of these takes a
 * quarter of the time (45 ns instead of 180), and `get` and `set` with up to three indices as long as there (3 to 5
 * ns).
 */
import type { NdArray } from 'ndarray';
import { readable } from './readable.js';

/** A strided view over a `Float64Array` with any number of axes, and with the members of an `NdArray`. */
export class HostView implements NdArray<Float64Array> {
  data: Float64Array;
  shape: number[];
  stride: number[];
  offset: number;

  /** Keeps the lists of shape and strides, which no other array may have. */
  constructor(data: Float64Array, shape: number[], stride: number[], offset: number) {
    this.data = data;
    this.shape = shape;
    this.stride = stride;
    this.offset = offset;
  }

  get dtype(): 'float64' {
    return 'float64';
  }

  get dimension(): number {
    return this.shape.length;
  }

  get size(): number {
    let size = 1;
    for (const length of this.shape) size *= length;
    return size;
  }

  /** The axes by their strides, the smallest first. */
  get order(): number[] {
    const { stride } = this;
    return stride.map((_, axis) => axis).sort((one, other) => Math.abs(stride[one]) - Math.abs(stride[other]));
  }

  get T(): HostView {
    return new HostView(this.data, this.shape.toReversed(), this.stride.toReversed(), this.offset);
  }

  // Three indices without a list of them, which costs five times the access itself.
  get(...index: number[]): number;
  get(i: number, j: number, k: number): number {
    const { data, stride, offset } = this;
    switch (stride.length) {
      case 0:
        return data[offset];
      case 1:
        return data[offset + stride[0] * i];
      case 2:
        return data[offset + stride[0] * i + stride[1] * j];
      case 3:
        return data[offset + stride[0] * i + stride[1] * j + stride[2] * k];
      default:
        // biome-ignore lint/complexity/noArguments: see above.
        return data[this.index(...arguments)];
    }
  }

  set(...indexAndValue: number[]): number;
  set(i: number, j: number, k: number, value: number): number {
    const { data, stride, offset } = this;
    switch (stride.length) {
      case 0:
        data[offset] = i;
        return i;
      case 1:
        data[offset + stride[0] * i] = j;
        return j;
      case 2:
        data[offset + stride[0] * i + stride[1] * j] = k;
        return k;
      case 3:
        data[offset + stride[0] * i + stride[1] * j + stride[2] * k] = value;
        return value;
      default: {
        // biome-ignore lint/complexity/noArguments: see `get`.
        const all: readonly number[] = Array.from(arguments);
        data[this.index(...all)] = all[stride.length];
        return all[stride.length];
      }
    }
  }

  index(...index: readonly number[]): number {
    const { stride } = this;
    let at = this.offset;
    for (let axis = 0; axis < stride.length; axis++) at += stride[axis] * index[axis];
    return at;
  }

  /** Keeps the entries before the given index of each axis. */
  hi(...ends: readonly number[]): HostView {
    const shape = this.shape.map((length, axis) => (isPlace(ends[axis]) ? ends[axis] : length));
    return new HostView(this.data, shape, this.stride.slice(), this.offset);
  }

  /** Keeps the entries from the given index of each axis on. */
  lo(...starts: readonly number[]): HostView {
    const start = (axis: number): number => (isPlace(starts[axis]) ? starts[axis] : 0);
    const offset = this.stride.reduce((at, stride, axis) => at + stride * start(axis), this.offset);
    const shape = this.shape.map((length, axis) => length - start(axis));
    return new HostView(this.data, shape, this.stride.slice(), offset);
  }

  /** Keeps every so-many-th entry of each axis; backward from its end where the number is negative. */
  step(...steps: readonly number[]): HostView {
    const [shape, stride] = [this.shape.slice(), this.stride.slice()];
    let { offset } = this;
    for (let axis = 0; axis < shape.length; axis++) {
      const step = steps[axis];
      if (typeof step !== 'number') continue;
      if (step < 0) offset += stride[axis] * (shape[axis] - 1);
      shape[axis] = Math.ceil(shape[axis] / Math.abs(step));
      stride[axis] *= step;
    }
    return new HostView(this.data, shape, stride, offset);
  }

  /** Puts the given axes in this order. */
  transpose(...axes: readonly number[]): HostView {
    const order = this.shape.map((_, axis) => axes[axis] ?? axis);
    return new HostView(
      this.data,
      order.map((axis) => this.shape[axis]),
      order.map((axis) => this.stride[axis]),
      this.offset,
    );
  }

  /** Takes one index of some axes, which the result has no more; `null` and negative numbers keep an axis. */
  pick(...index: readonly (number | null)[]): HostView {
    const kept = this.shape.map((_, axis) => axis).filter((axis) => !isPlace(index[axis]));
    const offset = this.stride.reduce(
      (at, stride, axis) => at + (isPlace(index[axis]) ? stride * (index[axis] as number) : 0),
      this.offset,
    );
    return new HostView(
      this.data,
      kept.map((axis) => this.shape[axis]),
      kept.map((axis) => this.stride[axis]),
      offset,
    );
  }

  /** The number, of an array without axes. */
  valueOf(): unknown {
    return this.shape.length === 0 ? this.data[this.offset] : this;
  }

  toString(): string {
    return readable(this);
  }
}

function isPlace(index: number | null | undefined): index is number {
  return typeof index === 'number' && index >= 0;
}
