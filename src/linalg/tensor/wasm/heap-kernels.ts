/**
 * This library's own kernels in WebAssembly SIMD, on the memory of TensorFlow.js's wasm backend: what would take the
 * backend several passes over an array, or BLAS several calls. Their source is kernels/, in AssemblyScript.
 */
import { COMPILED_KERNELS } from './compiled-kernels.js';

/** A number of bytes from the heap's beginning; 0 for an array that is not there. */
type Offset = number;

/** The kernels; see kernels/ for what each computes. */
export interface HeapKernels {
  adamStep(
    ...parameters: [
      ...arrays: [gradient: Offset, first: Offset, second: Offset, newFirst: Offset, newSecond: Offset, direction: Offset, length: number],
      ...rates: [beta1: number, beta2: number, share1: number, share2: number, correction1: number, correction2: number, epsilon: number],
    ]
  ): void;
  axpy(a: number, x: Offset, y: Offset, z: Offset, length: number): void;
  inner(x: Offset, y: Offset, length: number): number;
  attentionScratch(keys: number, size: number): number;
  attend(...parameters: [q: Offset, k: Offset, v: Offset, result: Offset, scratch: Offset, ...AttentionShape]): void;
  attendBack(
    ...parameters: [
      ...given: [dy: Offset, q: Offset, k: Offset, v: Offset, result: Offset],
      ...made: [dq: Offset, dk: Offset, dv: Offset, scratch: Offset],
      ...AttentionShape,
    ]
  ): void;
  multiply(
    ...parameters: [
      ...size: [m: number, n: number, k: number],
      ...left: [alpha: number, a: Offset, rowA: number, columnA: number],
      ...right: [b: Offset, rowB: number],
      ...result: [beta: number, c: Offset, rowC: number],
    ]
  ): void;
  transpose(rows: number, columns: number, from: Offset, row: number, to: Offset, width: number): void;
  widenBrains(from: Offset, to: Offset, length: number): void;
  widenHalves(from: Offset, to: Offset, length: number): void;
  widenBytes(...parameters: [...arrays: [from: Offset, to: Offset, length: number], ...blocks: BlockShape]): void;
  widenNibbles(
    ...parameters: [...arrays: [from: Offset, skip: number, pairs: Offset, to: Offset, length: number], ...blocks: BlockShape]
  ): void;
  maskedSoftmax(
    ...parameters: [
      ...matrix: [scores: Offset, width: number, rows: number, columns: number],
      ...mask: [own: number, window: number, marks: Offset],
    ]
  ): void;
  scoreGradient(
    ...parameters: [
      ...shape: [rows: number, columns: number, size: number, rowQ: number, width: number],
      ...arrays: [P: Offset, S: Offset, result: Offset, dy: Offset],
    ]
  ): void;
  rmsNorm(x: Offset, gain: Offset, y: Offset, inverse: Offset, rows: number, length: number, epsilon: number): void;
  rmsNormBack(dy: Offset, x: Offset, gain: Offset, inverse: Offset, dx: Offset, rows: number, length: number): void;
  swiglu(gate: Offset, up: Offset, y: Offset, length: number): void;
  swigluBack(dy: Offset, gate: Offset, up: Offset, dgate: Offset, dup: Offset, length: number): void;
  rotate(
    ...parameters: [
      ...arrays: [x: Offset, cos: Offset, sin: Offset, y: Offset],
      ...shape: [rows: number, tokens: number, heads: number, size: number, sign: number],
    ]
  ): void;
}

/**
 * Blocks of quantized entries: their scales, how many entries of the first are before the first one, and their length.
 */
export type BlockShape = [scales: Offset, phase: number, block: number];

/** Lengths, the scale, the window (0 for none) and the segments (0 for none). */
export type AttentionShape = [
  batch: number,
  heads: number,
  group: number,
  queries: number,
  keys: number,
  size: number,
  scale: number,
  window: number,
  segments: Offset,
];

/** The part of Emscripten's module that owns the memory. */
export interface MemoryOwner {
  readonly asm?: { readonly memory?: { readonly buffer: ArrayBufferLike } };
}

/** The part of JavaScript's WebAssembly that is called; the types of Node.js leave it out. */
interface WebAssemblyApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: unknown } }>;
}

let started: HeapKernels | undefined;
let wanted = true;

/** Returns the kernels; `undefined` if they could not be started or are not wanted. */
export function heapKernels(): HeapKernels | undefined {
  return wanted ? started : undefined;
}

/** Returns the kernels, wanted or not: what was made with them goes on with them. */
export function startedKernels(): HeapKernels | undefined {
  return started;
}

/** Says whether the kernels are wanted; without them, computations are composed of the backend's operations. */
export function wantHeapKernels(want: boolean): void {
  wanted = want;
}

/**
 * Starts the kernels on a module's memory. Where that is shared by threads they are left out: a module says of the
 * memory that it imports whether it is shared, and this one says no.
 */
export async function startHeapKernels({ asm }: MemoryOwner): Promise<void> {
  const memory = asm?.memory;
  if (memory === undefined || !(memory.buffer instanceof ArrayBuffer)) return;
  const { WebAssembly: api } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const bytes = Uint8Array.from(atob(COMPILED_KERNELS), (character) => character.charCodeAt(0));
  const { instance } = await api.instantiate(bytes, { env: { memory } });
  started = instance.exports as HeapKernels;
}
