/** The spectrum of a training loss in all factors at once, against the dense matrix of differences of gradients. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError, DomainError, type FactorPair, type HostArray, hostAlgebra, seededRandom } from 'bures';
import { createAdapter, galore, LoraAdapter, lossSpectrum, stella, trainer } from 'bures/lora';
import { describe, expect, it } from 'vitest';
import { adapterGradient } from '../../src/lora/training/adapter-gradient.js';
import { countTargets } from '../../src/lora/training/count-targets.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { owned } from '../support/owned.js';
import { smallBatch, smallModel } from './support/small-model.js';

const host = hostAlgebra();
const [[, la]] = tensorEngines;
const batches = [smallBatch(3), smallBatch(5)];
const rank = 2;

/** An adapter some way into its training; `imbalance` scales A by it and B by its inverse. */
async function trained(imbalance = 1): Promise<LoraAdapter> {
  const adapter = owned(await createAdapter(owned(smallModel(la)), { rank, alpha: 6 }, { seed: 4 }));
  const run = trainer(adapter, { nextBatch: smallBatch, steps: 10, learningRate: 0.05 });
  for await (const _step of run);
  run.dispose();
  if (imbalance === 1) return adapter;
  return la.tidy(() => {
    const pairs = Object.fromEntries(
      Object.entries(adapter.point.pairs ?? {}).map(([key, pair]) => {
        const { A, B } = pair as FactorPair<Tensor>;
        return [key, { A: la.scale(imbalance, A), B: la.scale(1 / imbalance, B) }];
      }),
    );
    return owned(new LoraAdapter({ model: adapter.model, config: adapter.config, layout: adapter.layout, point: { pairs } }));
  });
}

/** The factors of an adapter as one vector, and the gradient of the loss there, written without the library's own. */
async function dense(adapter: LoraAdapter) {
  const keys = adapter.layout.stacks.map(({ key }) => key);
  const tokens = batches.reduce((sum, batch) => sum + countTargets(batch), 0);
  const parts = keys.flatMap((key) =>
    (['A', 'B'] as const).map((side) => ({
      key,
      side,
      shape: (adapter.point.pairs as Record<string, FactorPair<Tensor>>)[key][side].shape,
    })),
  );
  const at = async (pairs: Readonly<Record<string, unknown>>): Promise<Float64Array> => {
    const arrays = await Promise.all(parts.map(async ({ key, side }) => la.toArray((pairs[key] as FactorPair<Tensor>)[side])));
    return Float64Array.from(arrays.flatMap((values) => [...values]));
  };
  const x = await at(adapter.point.pairs ?? {});
  const gradient = (values: Float64Array): Promise<Float64Array> =>
    la.tidy(async () => {
      let from = 0;
      const pairs: Record<string, Record<string, Tensor>> = {};
      for (const { key, side, shape } of parts) {
        const count = shape.reduce((product, length) => product * length, 1);
        pairs[key] = { ...pairs[key], [side]: la.fromArray(values.subarray(from, from + count), shape) };
        from += count;
      }
      const sum = new Float64Array(values.length);
      for (const batch of batches) {
        const found = await adapterGradient(adapter, { ...adapter.point, pairs } as never, batch, { denominator: tokens });
        (await at(found.gradient.pairs ?? {})).forEach((value, i) => {
          sum[i] += value;
        });
      }
      return sum;
    });
  return { x, gradient, parts };
}

/** An orthonormal basis [n, d] of the complement of the directions (AK, −KB) of all pairs. */
function offGauge(x: Float64Array, parts: Awaited<ReturnType<typeof dense>>['parts']): HostArray {
  const columns: number[][] = [];
  let from = 0;
  for (let i = 0; i < parts.length; i += 2) {
    const [k, m] = parts[i].shape;
    const n = parts[i + 1].shape[2] as number;
    const [a, b] = [from, from + k * m * rank];
    for (let member = 0; member < k; member++) {
      for (let p = 0; p < rank; p++) {
        for (let q = 0; q < rank; q++) {
          // K = e_p e_qᵀ: column q of AK is column p of A, and row p of KB is row q of B.
          const column = new Array<number>(x.length).fill(0);
          for (let row = 0; row < m; row++) column[a + (member * m + row) * rank + q] = x[a + (member * m + row) * rank + p];
          for (let j = 0; j < n; j++) column[b + (member * rank + p) * n + j] = -x[b + (member * rank + q) * n + j];
          columns.push(column);
        }
      }
    }
    from = b + k * rank * n;
  }
  const gauge = host.transpose(host.fromArray(columns.flat(), [columns.length, x.length]));
  const { U } = host.svd(host.concat([gauge, host.randomNormal([x.length, x.length - columns.length], seededRandom(1))], 'columns'));
  const { Q } = host.qr(gauge);
  // What is left of a full basis after the gauge directions are taken out of it.
  const rest = host.subtract(U, host.matmul(Q, host.matmul(Q, U, { transposeA: true })));
  const { U: basis } = host.svd(rest);
  return host.slice(basis, { columns: [0, x.length - columns.length] });
}

describe('lossSpectrum', () => {
  it('gives both ends and the mean square of the Hessian off the gauge directions', async () => {
    const adapter = await trained();
    const { x, gradient, parts } = await dense(adapter);
    // Another difference than the library's: what both agree on is the second derivative.
    const h = 2e-4 * Math.hypot(...x);
    const rows: number[] = [];
    for (let i = 0; i < x.length; i++) {
      const moved = (sign: number) => x.map((value, j) => (j === i ? value + sign * h : value));
      const [after, before] = [await gradient(moved(1)), await gradient(moved(-1))];
      rows.push(...after.map((value, j) => (value - before[j]) / (2 * h)));
    }
    const basis = offGauge(x, parts);
    const H = host.fromArray(rows, [x.length, x.length]);
    const restricted = host.matmul(host.matmul(basis, H, { transposeA: true }), basis);
    const values = host.toArray(host.eigh(host.scale(0.5, host.add(restricted, host.transpose(restricted)))).values);
    const size = Math.max(Math.abs(values[0]), values[values.length - 1]);
    const found = await lossSpectrum(adapter, batches, { iterations: 60, probes: 60 });
    expect(found.dimension).toBe(values.length);
    expect(Math.abs(found.largest - values[values.length - 1])).toBeLessThan(0.02 * size);
    expect(Math.abs(found.smallest - values[0])).toBeLessThan(0.02 * size);
    const meanSquare = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    // Sixty random directions know it to about a tenth.
    expect(found.rootMeanSquare / Math.sqrt(meanSquare)).toBeGreaterThan(0.7);
    expect(found.rootMeanSquare / Math.sqrt(meanSquare)).toBeLessThan(1.4);
    expect(found.conditionNumber).toBeCloseTo(Math.max(found.largest, -found.smallest) / found.rootMeanSquare, 10);
    const { loss } = await lossSpectrum(adapter, batches, { iterations: 1, probes: 1 });
    expect(loss).toBe(found.loss);
  });

  it('at balanced factors does not depend on the gauge of the adapter, and leaves no tensors', async () => {
    const [adapter, skewed] = [await trained(), await trained(5)];
    const before = liveTensors();
    const own = await lossSpectrum(adapter, batches, { balanced: true, iterations: 40 });
    const other = await lossSpectrum(skewed, batches, { balanced: true, iterations: 40 });
    expect(liveTensors()).toBe(before);
    expect(Math.abs(other.largest / own.largest - 1)).toBeLessThan(0.02);
    expect(Math.abs(other.loss - own.loss)).toBeLessThan(1e-5);
    // At the skewed factors themselves a step of A counts for 1/25 of one of B.
    const asIs = await lossSpectrum(skewed, batches, { iterations: 40 });
    expect(asIs.largest).toBeGreaterThan(5 * own.largest);
  });

  it('refuses what has no factor pairs, batches without answers and bad options, in its own name', async () => {
    const model = owned(smallModel(la));
    const weights = owned(await createAdapter(model, { method: galore(), rank }));
    await expect(lossSpectrum(weights, batches)).rejects.toThrow(
      /^lossSpectrum: expected an adapter of factor pairs, got one that trains the weights/,
    );
    const coordinates = owned(await createAdapter(model, { method: stella(), rank }));
    await expect(lossSpectrum(coordinates, batches)).rejects.toThrow(ConfigError);
    const adapter = await trained();
    await expect(lossSpectrum(adapter, [])).rejects.toThrow(DomainError);
    await expect(lossSpectrum(adapter, batches, { probes: 0 })).rejects.toThrow(/^lossSpectrum: probes/);
    await expect(lossSpectrum(adapter, batches, { signal: { aborted: true } as never })).rejects.toThrow('aborted');
  });
});
