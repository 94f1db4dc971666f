import type { Sgemm } from '../../host/blas/sgemm.js';
import type { HeapGemm } from './heap-gemm.js';
import type { MatmulPlan } from './matmul-plan.js';
import { floatsAt } from './wasm-heap.js';

/**
 * Makes products on the wasm heap over the machine's `cblas_sgemm`, which reads and writes the heap in place. One call
 * per member: OpenBLAS has batched ones only in versions that few systems carry.
 */
export function blasHeapGemm(sgemm: Sgemm): HeapGemm {
  return {
    name: 'blas',
    // A call with its three views takes 1 µs.
    smallest: 150,
    multiply(backend, plan, a, b, c) {
      const { m, n, k, transposeA, transposeB, membersA, membersB } = plan;
      sgemm.onSuitableThreads(m, n, k, () => {
        const gram = isGram(plan, a, b);
        for (let member = 0; member < membersA.length; member++) {
          const left = floatsAt(backend, a + 4 * membersA[member] * m * k, m * k);
          if (gram) {
            sgemm.gram(transposeA, n, k, left, floatsAt(backend, c + 4 * member * n * n, n * n));
            continue;
          }
          const right = floatsAt(backend, b + 4 * membersB[member] * k * n, k * n);
          sgemm.multiply(transposeA, transposeB, m, n, k, left, right, floatsAt(backend, c + 4 * member * m * n, m * n));
        }
      });
    },
  };
}

/** Returns true if each product is that of a matrix with its own transpose. */
function isGram({ transposeA, transposeB, membersA, membersB }: MatmulPlan, a: number, b: number): boolean {
  return a === b && transposeA !== transposeB && membersA.every((member, index) => member === membersB[index]);
}
