import type { HeapGemm } from './heap-gemm.js';
import type { MatmulPlan } from './matmul-plan.js';
import { transposeFloats } from './transpose-floats.js';
import { floatsAt, nameFloats, type WasmBackend, type WasmFunction, withScratch } from './wasm-heap.js';

/** The module's product of each backend. */
const stockMatmuls = new WeakMap<WasmBackend, WasmFunction>();

/** The cheaper of two ways to reduce a product to one without transposes. */
interface Route {
  /** Cᵀ = op(B)ᵀ op(A)ᵀ in place of C = op(A) op(B). */
  readonly flipped: boolean;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * Products on the wasm heap through XNNPACK. The backend's BatchMatMul calls it only for one pair of matrices without
 * transposes; for every other case it has plain loops at a tenth of the speed. So each member goes through that path,
 * transposed beforehand.
 */
export const xnnpackHeapGemm: HeapGemm = {
  name: 'xnnpack',
  // A call packs its second operand and makes an operator: 5 µs in all.
  smallest: 4096,
  multiply(backend, plan, a, b, c) {
    const { m, n, k, membersA, membersB } = plan;
    const route = chooseRoute(plan);
    const lengths = [route.transposeA ? m * k : 0, route.transposeB ? k * n : 0, route.flipped ? m * n : 0];
    withScratch(backend, lengths, ([scratchA, scratchB, scratchC]) => {
      const left = operand(backend, a, m * k, route.transposeA ? scratchA : undefined, plan.transposeA ? [k, m] : [m, k]);
      const right = operand(backend, b, k * n, route.transposeB ? scratchB : undefined, plan.transposeB ? [n, k] : [k, n]);
      try {
        for (let member = 0; member < membersA.length; member++) {
          const target = c + 4 * member * m * n;
          const [nameA, nameB] = [left.member(membersA[member]), right.member(membersB[member])];
          if (route.flipped) {
            run(backend, n, m, k, nameB, nameA, scratchC);
            transposeFloats(n, m, floatsAt(backend, scratchC, m * n), floatsAt(backend, target, m * n));
          } else run(backend, m, n, k, nameA, nameB, target);
        }
      } finally {
        left.dispose();
        right.dispose();
      }
    });
  },
};

/** XNNPACK packs a number in four times the time of transposing it: 16×2048·2048×2048 is 2.6 times as fast flipped. */
const PACKING = 4;

/** Chooses by the numbers moved: those transposed, and those of the second operand, which are packed. */
function chooseRoute({ m, n, k, transposeA, transposeB }: MatmulPlan): Route {
  const direct = (transposeA ? m * k : 0) + (transposeB ? k * n : 0) + PACKING * k * n;
  const flipped = (transposeA ? 0 : m * k) + (transposeB ? 0 : k * n) + PACKING * m * k + m * n;
  return flipped < direct
    ? { flipped: true, transposeA: !transposeA, transposeB: !transposeB }
    : { flipped: false, transposeA, transposeB };
}

/** One operand, of which one member at a time has a name on the heap. */
interface Operand {
  /** Returns the name of a member, transposed if that was asked for. */
  member(index: number): number;
  dispose(): void;
}

function operand(
  backend: WasmBackend,
  start: number,
  length: number,
  scratch: number | undefined,
  shape: readonly [number, number],
): Operand {
  let current = -1;
  let named: ReturnType<typeof nameFloats> | undefined;
  const dispose = (): void => {
    named?.forget();
    named = undefined;
  };
  return {
    member(index) {
      // A member that stays, as that of a broadcast operand does, is transposed and packed once.
      if (index === current && named !== undefined) return named.name;
      dispose();
      const offset = start + 4 * index * length;
      if (scratch !== undefined) transposeFloats(...shape, floatsAt(backend, offset, length), floatsAt(backend, scratch, length));
      current = index;
      named = nameFloats(backend, scratch ?? offset, length);
      return named.name;
    },
    dispose,
  };
}

/** Computes C (m×n) = A B by names of A and B and the offset of C. */
function run(backend: WasmBackend, m: number, n: number, k: number, a: number, b: number, c: number): void {
  const { name, forget } = nameFloats(backend, c, m * n);
  try {
    stockMatmul(backend)(a, shapeBytes(m, k), 3, b, shapeBytes(k, n), 3, false, false, name);
  } finally {
    forget();
  }
}

function shapeBytes(rows: number, columns: number): Uint8Array {
  return new Uint8Array(Int32Array.of(1, rows, columns).buffer);
}

function stockMatmul(backend: WasmBackend): WasmFunction {
  let found = stockMatmuls.get(backend);
  if (found === undefined) {
    const [id, shape] = ['number', 'array'];
    found = backend.wasm.cwrap('BatchMatMul', null, [id, shape, id, id, shape, id, id, id, id]);
    stockMatmuls.set(backend, found);
  }
  return found;
}
