/** How an adapter's factors start. */
import { matMul, mul, type Tensor, transpose } from '@tensorflow/tfjs-core';
import { type Random, seededRandom } from '../../core/random.js';
import type { TensorAlgebra } from '../../linalg/tensor/tensor-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { LoraInitialization } from '../config/lora-config.js';
import type { TargetModule } from '../targets/target-modules.js';

/** What a start may draw on. */
export interface StartContext {
  readonly la: TensorAlgebra;
  readonly target: TargetModule;
  readonly random: Random;
  /** W as it is stored. */
  readonly weight: Tensor;
}

/** A way to start. */
interface Start {
  /** Whether W loses s·AB at the start, so that the model is at first the same. */
  readonly changesBase: boolean;
  /** The factors of one module. */
  factors(context: StartContext): FactorPair<Tensor>;
}

/**
 * The starts by name, in this library's letters: A is PEFT's lora_B, B its lora_A.
 *
 * @see He et al., "Delving deep into rectifiers", ICCV 2015 (the uniform start); Büyükakyüz, "OLoRA", arXiv 2406.01775, 2024, algorithm 1; Meng et al., "PiSSA", NeurIPS 2024, equations 2 to 4.
 */
export const starts: Readonly<Record<LoraInitialization, Start>> = {
  kaiming: { changesBase: false, factors: (context) => ({ A: zeroA(context), B: uniformB(context) }) },
  gaussian: {
    changesBase: false,
    factors(context) {
      const { la, target, random } = context;
      const draws = la.randomNormal([target.rank, target.module.inFeatures], random);
      return { A: zeroA(context), B: la.scale(1 / target.rank, draws) };
    },
  },
  random: {
    changesBase: false,
    factors(context) {
      const { rank, module } = context.target;
      return { B: uniformB(context), A: uniform(context, [module.outFeatures, rank], 1 / Math.sqrt(rank)) };
    },
  },
  olora: { changesBase: true, factors: oloraFactors },
  pissa: { changesBase: true, factors: pissaFactors },
};

function zeroA({ la, target }: StartContext): Tensor {
  return la.full([target.module.outFeatures, target.rank], 0);
}

/** PyTorch's Kaiming-uniform with a = √5: ±1/√n. */
function uniformB(context: StartContext): Tensor {
  const { rank, module } = context.target;
  return uniform(context, [rank, module.inFeatures], 1 / Math.sqrt(module.inFeatures));
}

function uniform({ la, random }: StartContext, shape: readonly [number, number], bound: number): Tensor {
  return la.fromArray(
    Float32Array.from({ length: shape[0] * shape[1] }, () => bound * (2 * random.uniform() - 1)),
    shape,
  );
}

/** W as [m, n]. */
function outByIn({ target, weight }: StartContext): Tensor {
  return target.module.fanInFanOut ? transpose(weight) : weight;
}

/** The first r columns of Q in W = QR need the first r columns of W only, and R's first rows are their product with W. */
function oloraFactors(context: StartContext): FactorPair<Tensor> {
  const { la, target } = context;
  const W = outByIn(context);
  const { Q } = la.qr(la.slice(W, { columns: [0, target.rank] }));
  return { A: Q, B: la.matmul(Q, W, { transposeA: true }) };
}

function pissaFactors(context: StartContext): FactorPair<Tensor> {
  const { la, target } = context;
  const { U, S, V } = la.svd(outByIn(context));
  const { rank, scale } = target;
  const first = <Matrix extends Tensor>(x: Matrix): Tensor => la.slice(x, { columns: [0, rank] });
  const roots = la.sqrt(la.scale(1 / scale, la.reshape(first(la.reshape(S, [1, S.shape[0]])), [rank])));
  return { A: la.scaleColumns(first(U), roots), B: la.scaleRows(roots, la.transpose(first(V))) };
}

/**
 * The factors of every module, each from draws of the one seed.
 *
 * @returns by module, the caller's to dispose of.
 */
export function startFactors(
  la: TensorAlgebra,
  targets: readonly TargetModule[],
  weightOf: (target: TargetModule) => Tensor,
  initialization: LoraInitialization,
  seed: number,
): ReadonlyMap<string, FactorPair<Tensor>> {
  const random = seededRandom(seed);
  return new Map(
    targets.map((target) => {
      const context: StartContext = { la, target, random, weight: weightOf(target) };
      return [target.module.name, la.tidy(() => starts[initialization].factors(context))] as const;
    }),
  );
}

/** s·AB as the module's weight is stored. */
export function storedProduct({ module, scale }: TargetModule, { A, B }: FactorPair<Tensor>): Tensor {
  const scaled = mul(A, scale);
  return module.fanInFanOut ? matMul(B, scaled, true, true) : matMul(scaled, B);
}
