import type { MatmulPlan } from './matmul-plan.js';
import { floatsAt, type WasmBackend } from './wasm-heap.js';

/**
 * Computes all products of a plan by the definition, summed in float64, if they are too small for a library call to
 * pay.
 *
 * @param a, b, c - offsets of the operands and the result in bytes.
 */
export function smallGemm(backend: WasmBackend, plan: MatmulPlan, a: number, b: number, c: number): void {
  const { m, n, k, transposeA, transposeB, membersA, membersB } = plan;
  const left = floatsAt(backend, a, (Math.max(...membersA) + 1) * m * k);
  const right = floatsAt(backend, b, (Math.max(...membersB) + 1) * k * n);
  const result = floatsAt(backend, c, membersA.length * m * n);
  const [rowA, columnA] = transposeA ? [1, m] : [k, 1];
  const [rowB, columnB] = transposeB ? [1, k] : [n, 1];
  let at = 0;
  for (let member = 0; member < membersA.length; member++) {
    const startA = membersA[member] * m * k;
    const startB = membersB[member] * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += left[startA + i * rowA + p * columnA] * right[startB + p * rowB + j * columnB];
        result[at++] = sum;
      }
    }
  }
}
