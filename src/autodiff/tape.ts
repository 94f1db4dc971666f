/** The record of a computation, which the gradient follows backward. */
import { description } from '../core/options.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';

/** A map from the derivative by a result to the derivative by one operand. */
export type Adjoint<V> = (g: V) => V;

/** A value on a tape: the numbers, and the operands they were computed from. */
export class Traced<V> {
  readonly [description]: string =
    'a value that autodiff follows (compute with the operations that the cost is given, as ops.matmul; multiply by a followed number with ops.scaleEach)';
  readonly tape: Tape<V>;
  readonly value: V;
  /** The operands on the tape, each with its adjoint. */
  readonly operands: readonly (readonly [Traced<V>, Adjoint<V>])[];
  /** Position on the tape, after the operands. */
  readonly order: number;

  constructor(tape: Tape<V>, value: V, operands: readonly (readonly [Traced<V>, Adjoint<V>])[], order: number) {
    this.tape = tape;
    this.value = value;
    this.operands = operands;
    this.order = order;
  }
}

/**
 * A tape for reverse-mode differentiation over an algebra, which may itself be on a tape: adjoints use the operations
 * of the algebra, and so have derivatives in turn.
 *
 * @see Griewank and Walther, Evaluating Derivatives, 2008, chapter 3; Giles, "Collected matrix derivative results for
 * forward and reverse mode algorithmic differentiation", 2008.
 */
export class Tape<V> {
  readonly base: DifferentiableAlgebra<V>;
  #length = 0;

  constructor(base: DifferentiableAlgebra<V>) {
    this.base = base;
  }

  /** Returns a value that can be differentiated by. */
  variable(value: V): Traced<V> {
    return new Traced(this, value, [], this.#length++);
  }

  /** Returns true if a value is on this tape. */
  holds(x: unknown): x is Traced<V> {
    return x instanceof Traced && x.tape === this;
  }

  /** Returns the numbers of an operand that is on this tape or constant to it. */
  valueOf(x: unknown): V {
    return this.holds(x) ? x.value : (x as V);
  }

  /** Records a result with the adjoints of its operands. Adjoints of constants are never computed. */
  record(value: V, operands: readonly (readonly [unknown, Adjoint<V>])[]): Traced<V> {
    const traced = operands.filter((operand): operand is readonly [Traced<V>, Adjoint<V>] => this.holds(operand[0]));
    return new Traced(this, value, traced, this.#length++);
  }

  /**
   * Computes the derivatives of a result by variables.
   *
   * @param result - the value to differentiate; its own derivative is `seed`.
   * @param variables - variables of this tape.
   * @returns one derivative for each variable; `undefined` if the result does not depend on it.
   */
  gradient(result: Traced<V>, seed: V, variables: readonly Traced<V>[]): readonly (V | undefined)[] {
    const needed = this.#dependent(result, variables);
    const derivatives = new Map<Traced<V>, V>([[result, seed]]);
    for (const node of needed) {
      const g = derivatives.get(node);
      if (g === undefined) continue;
      for (const [operand, adjoint] of node.operands) {
        if (!needed.has(operand)) continue;
        const part = adjoint(g);
        const sum = derivatives.get(operand);
        derivatives.set(operand, sum === undefined ? part : this.base.add(sum, part));
      }
    }
    return variables.map((variable) => derivatives.get(variable));
  }

  /** Returns the values between the variables and the result, the last one first. */
  #dependent(result: Traced<V>, variables: readonly Traced<V>[]): ReadonlySet<Traced<V>> {
    const reached = new Set<Traced<V>>([result]);
    for (const node of reached) for (const [operand] of node.operands) reached.add(operand);
    const fromVariables = new Set<Traced<V>>(variables);
    const ascending = [...reached].sort((a, b) => a.order - b.order);
    for (const node of ascending) if (node.operands.some(([operand]) => fromVariables.has(operand))) fromVariables.add(node);
    return new Set(ascending.filter((node) => fromVariables.has(node)).reverse());
  }
}
