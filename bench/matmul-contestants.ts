/**
 * The backends that multiply, as contestants: each wasm variant, TensorFlow and WebGPU where they are there, and cpu at
 * small sizes.
 */
import {
  getKernel,
  type KernelConfig,
  matMul,
  registerKernel,
  setBackend,
  slice,
  type Tensor,
  tensor,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import type { BackendName } from '../src/core/tensorflow-packages.js';
import { openBackend } from '../src/linalg/tensor/backends/open-backend.js';
import { installWasmKernels, type WasmKernelReport } from '../src/linalg/tensor/wasm/install.js';
import type { Contestant } from './measure.js';

/** A product C = op(A) op(B), batched. */
export interface MatmulCase {
  readonly name: string;
  /** One of nn, tn, nt, tt: which operands are transposed. */
  readonly flags: string;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** What multiplies, ready to be asked for contestants. */
export interface Engine {
  readonly name: string;
  /** `undefined` where the case would take minutes. */
  contestant(given: MatmulCase, a: Float32Array, b: Float32Array): Contestant | undefined;
}

/** Engines, and why others are missing. */
export interface Engines {
  readonly present: readonly Engine[];
  readonly missing: readonly string[];
  readonly wasm: WasmKernelReport;
}

/** The names of the wasm variants. */
export const WASM = { stock: 'wasm, stock', plain: 'wasm, bures', blas: 'wasm, bures + BLAS' } as const;

/** Multiplications above which a backend without fast products is not asked. */
const SLOW_LIMIT = 2 ** 28;

/** Shapes of the stored operands. */
export function operandShapes({ flags, batch, m, n, k }: MatmulCase): readonly [number[], number[]] {
  const shapes: [number[], number[]] = [flags[0] === 't' ? [k, m] : [m, k], flags[1] === 't' ? [n, k] : [k, n]];
  return batch === 1
    ? shapes
    : [
        [batch, ...shapes[0]],
        [batch, ...shapes[1]],
      ];
}

/** Opens every backend of the machine. */
export async function openEngines(): Promise<Engines> {
  await import('@tensorflow/tfjs-backend-wasm');
  await setBackend('wasm');
  // Before ours take its place.
  const stock = getKernel('BatchMatMul', 'wasm');
  const wasm = installWasmKernels();
  const present: Engine[] = [
    engine(
      WASM.stock,
      'wasm',
      () => use(stock),
      ({ flags, batch, m, n, k }) => (flags === 'nn' && batch === 1) || m * n * k <= SLOW_LIMIT,
    ),
    engine(WASM.plain, 'wasm', () => void installWasmKernels({ blas: 'off' })),
  ];
  if (wasm.matmul === 'blas') present.push(engine(WASM.blas, 'wasm', () => void installWasmKernels()));
  const missing: string[] = [];
  for (const name of ['tensorflow', 'webgpu', 'cpu'] as const) {
    try {
      const { report } = await openBackend(name);
      present.push(
        engine(
          `${name} (${report.device})`,
          name,
          () => undefined,
          ({ m, n, k, batch }) => name !== 'cpu' || batch * m * n * k <= 2 ** 27,
        ),
      );
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { present, missing, wasm };
}

function use(kernel: KernelConfig): void {
  unregisterKernel(kernel.kernelName, kernel.backendName);
  registerKernel(kernel);
}

function engine(name: string, backend: BackendName, prepare: () => void, takes: (given: MatmulCase) => boolean = () => true): Engine {
  return {
    name,
    contestant(given, a, b) {
      if (!takes(given)) return undefined;
      const [shapeA, shapeB] = operandShapes(given);
      const [transposeA, transposeB] = [given.flags[0] === 't', given.flags[1] === 't'];
      let operands: readonly [Tensor, Tensor] | undefined;
      const time = async (repeat: number): Promise<number> => {
        prepare();
        await setBackend(backend);
        operands ??= [tensor(a, shapeA), tensor(b, shapeB)];
        const start = performance.now();
        let last: Tensor | undefined;
        for (let call = 0; call < repeat; call++) {
          last?.dispose();
          last = matMul(...operands, transposeA, transposeB);
        }
        // A device works behind our back: it has finished when one number of the last product is here.
        if (last !== undefined) await corner(last);
        return (performance.now() - start) / 1000 / repeat;
      };
      return { name, time };
    },
  };
}

async function corner(product: Tensor): Promise<void> {
  const one = slice(product, Array<number>(product.rank).fill(0), Array<number>(product.rank).fill(1));
  await one.data();
  one.dispose();
  product.dispose();
}
