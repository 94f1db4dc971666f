/** The arguments of a function, a filter or a test of a template. */
import { entriesIn, isBool, isInteger, isNone, isText, itemsOf, kindOf, textOf, truth } from './runtime.js';
import type { Value } from './template-values.js';

/** Arguments by position and by name. */
export class WholeArguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
  readonly #caller: string;

  /**
   * @param caller - the function, for errors.
   * @param args - arguments by position; the last may be those by name.
   */
  constructor(caller: string, args: readonly Value[]) {
    this.#caller = caller;
    const last = args.at(-1);
    const hasNames = last?.type === 'KeywordArgumentsValue';
    this.positional = hasNames ? args.slice(0, -1) : args;
    this.named = hasNames ? entriesIn(last) : new Map();
  }

  /** Returns the arguments after some by position. */
  after(count: number): WholeArguments {
    const rest = new WholeArguments(this.#caller, this.positional.slice(count));
    return Object.assign(rest, { named: this.named });
  }

  optional(position: number, name: string): Value | undefined {
    return this.positional.at(position) ?? this.named.get(name);
  }

  has(position: number, name: string): boolean {
    const value = this.optional(position, name);
    return value !== undefined && !isNone(value);
  }

  required(position: number, name: string): Value {
    const value = this.optional(position, name);
    if (value === undefined) throw new Error(`${this.#caller}() missing required argument: '${name}'`);
    return value;
  }

  text(position: number, name: string): string {
    const value = this.required(position, name);
    if (isText(value)) return textOf(value);
    throw new Error(`${this.#caller}() argument '${name}' must be str, not ${kindOf(value)}`);
  }

  integer(position: number, name: string, otherwise: number): number {
    const value = this.optional(position, name);
    if (value === undefined || isNone(value)) return otherwise;
    if (isInteger(value) || isBool(value)) return Number(value.value);
    throw new Error(`${this.#caller}() argument '${name}' must be int, not ${kindOf(value)}`);
  }

  flag(position: number, name: string, otherwise: boolean): boolean {
    const value = this.optional(position, name);
    return value === undefined ? otherwise : truth(value);
  }

  /** Returns a pair of texts, such as the separators of `tojson`. */
  pair(position: number, name: string): readonly [string, string] | undefined {
    const value = this.optional(position, name);
    if (value === undefined || isNone(value)) return undefined;
    const parts = value.type === 'ArrayValue' || value.type === 'TupleValue' ? itemsOf(value) : [];
    if (parts.length === 2 && parts.every(isText)) return [textOf(parts[0]), textOf(parts[1])];
    throw new Error(`${this.#caller}() argument '${name}' must be two texts`);
  }
}
