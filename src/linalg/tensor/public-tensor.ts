/**
 * The types of TensorFlow.js as the published declarations show them: a tensor is known by what its holder does with
 * it, so that projects type-check without TensorFlow.js, whose own declarations need skipLibCheck. `npm run build` puts
 * these names in the place of TensorFlow.js's (tools/build-declarations.ts); a `tf.Tensor` is a `Tensor` of this kind,
 * and what the library returns is a `tf.Tensor`: `x as unknown as tf.Tensor`.
 */

/** An array on a TensorFlow.js backend. */
export interface Tensor {
  /** Lengths of the axes. */
  readonly shape: number[];
  /** Number format, such as 'float32'. */
  readonly dtype: string;
  /** Number of axes. */
  readonly rank: number;
  /** Number of entries. */
  readonly size: number;
  /** True after `dispose`. */
  readonly isDisposed: boolean;
  /** Reads the entries, row by row. */
  data(): Promise<ArrayLike<number | string>>;
  /** Reads the entries at once, on backends that can. */
  dataSync(): ArrayLike<number | string>;
  /** Frees the memory. */
  dispose(): void;
}

/** A tensor with one axis. */
export type Tensor1D = Tensor;

/** What only the library's own code uses. */
export type DataId = object;
export type DataType = string;
export type GradConfig = object;
export type KernelBackend = object;
export type KernelConfig = object;
export type NamedAttrMap = object;
export type TensorInfo = object;
// biome-ignore lint/suspicious/noExplicitAny: its parts are looked up in types that users cannot reach.
export declare function engine(): any;
