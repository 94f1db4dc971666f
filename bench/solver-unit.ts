/** The unit of the bench of solvers: one product of 1024×1024 matrices in float64. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type HostAlgebra, type HostArray, seededRandom } from 'bures';
import { median } from './measure.js';
import { PeerProcess } from './peer-process.js';

const size = 1024;
const repeats = 7;

let operands: readonly [HostArray, HostArray] | undefined;

function operandsOf(la: HostAlgebra): readonly [HostArray, HostArray] {
  const random = seededRandom(2);
  operands ??= [la.randomNormal([size, size], random), la.randomNormal([size, size], random)];
  return operands;
}

/** Seconds for the product: the median of a few. */
export function dgemmUnit(la: HostAlgebra): number {
  const [a, b] = operandsOf(la);
  const taken = Array.from({ length: repeats }, () => {
    const start = performance.now();
    la.matmul(a, b);
    return (performance.now() - start) / 1000;
  });
  return median(taken);
}

/** The same in NumPy, in a process of its own. */
export class NumpyUnit {
  readonly #peer: PeerProcess;

  private constructor(peer: PeerProcess) {
    this.#peer = peer;
  }

  /** Starts the interpreter that BURES_PEER_PYTHON names, if it names one. */
  static start(): NumpyUnit | undefined {
    const peer = PeerProcess.start();
    return peer && new NumpyUnit(peer);
  }

  /** Seconds for the product: the mean of a few, after as many to warm up. */
  async seconds(la: HostAlgebra): Promise<number> {
    const folder = mkdtempSync(path.join(tmpdir(), 'bures-unit-'));
    try {
      const inputs = operandsOf(la).map((operand, i) => {
        const file = path.join(folder, String(i));
        writeFileSync(file, la.toArray(operand) as Float64Array);
        return { file, shape: [size, size] };
      });
      await this.#peer.prepare('unit', 'gemm', inputs);
      await this.#peer.run('unit', 'numpy', repeats);
      return await this.#peer.run('unit', 'numpy', repeats);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  stop(): void {
    this.#peer.stop();
  }
}
