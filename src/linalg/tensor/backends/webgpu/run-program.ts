/**
 * Runs the library's own WGSL programs on TensorFlow.js's webgpu backend, in its command queue and on its buffers. All
 * arrays are handed over flat: the backend's helpers for coordinates, which stop at four to six axes, are not used.
 */

import { type DataId, reshape, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';
import { tensorOf } from '../../tensorflow-internals.js';

/** Description of a program, as the backend takes it. */
interface BackendProgram {
  readonly dispatchLayout: { readonly x: number[] };
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly workgroupSize: [number, number, number];
  readonly uniforms: string;
  readonly getUserCode: () => string;
  /** The backend adds to both of these. */
  dispatch: [number, number, number];
  shaderKey: string;
}

/** The part of TensorFlow.js's webgpu backend that is used here. */
export interface WebgpuBackend {
  /** The GPU device it runs on. */
  readonly device: {
    readonly limits: { readonly maxComputeWorkgroupStorageSize: number };
  };
  /** Enqueues a program; returns at once. */
  runWebGPUProgram(
    program: BackendProgram,
    inputs: readonly TensorInfo[],
    outputType: 'float32',
    uniforms: readonly { readonly type: 'int32'; readonly data: number[] }[],
  ): { readonly dataId: DataId; readonly shape: number[]; readonly dtype: 'float32' };
}

/** A launch of a program. */
export interface Launch {
  /** Key of the code: programs of one key are compiled once. */
  readonly key: string;
  /**
   * Declarations, among them `fn compute(group: i32, thread: i32)`, which every thread of a workgroup runs. It reads
   * the inputs by their names, `uniforms`, and writes `result`. `group` counts as uniform to the compiler, so that a
   * loop or branch on it may hold barriers.
   */
  readonly code: string;
  /** Number of threads of a workgroup. */
  readonly threads: number;
  /** Number of workgroups that run; `compute` sees no others. */
  readonly groups: number;
  /** The arrays read, by the names that the code uses. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Numbers that the code reads as `uniforms.name`, of type i32. */
  readonly numbers?: Readonly<Record<string, number>>;
  /** The shape of the result. */
  readonly shape: readonly number[];
}

/**
 * Enqueues one launch.
 *
 * @returns its result, available once the queue has reached it.
 */
export function runProgram(backend: WebgpuBackend, launch: Launch): Tensor {
  const { key, code, threads, groups, inputs, numbers = {}, shape } = launch;
  const names = Object.keys(inputs);
  const uniforms = { groups, ...numbers };
  const program: BackendProgram = {
    dispatchLayout: { x: [0] },
    dispatch: [groups, 1, 1],
    outputShape: [shape.reduce((product, length) => product * length, 1)],
    variableNames: names,
    workgroupSize: [threads, 1, 1],
    uniforms: Object.keys(uniforms)
      .map((name) => `${name}: i32, `)
      .join(''),
    shaderKey: `bures_${key}`,
    getUserCode: () => `${code}\n${ENTRY}`,
  };
  const result = backend.runWebGPUProgram(
    program,
    names.map((name) => reshape(inputs[name], [-1])),
    'float32',
    Object.values(uniforms).map((value) => ({ type: 'int32', data: [value] })),
  );
  return reshape(tensorOf(result), [...shape]);
}

/**
 * The backend keeps the workgroup's number in a private variable, which the compiler takes to differ between threads:
 * pass it through a load that does not.
 */
const ENTRY = `
var<workgroup> sharedGroup: i32;

fn main(index: i32) {
  if (localIndex == 0u) {
    sharedGroup = i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
  }
  let group = workgroupUniformLoad(&sharedGroup);
  // A large grid is folded into two or three axes, and overhangs.
  if (group >= uniforms.groups) {
    return;
  }
  compute(group, i32(localIndex));
}
`;
