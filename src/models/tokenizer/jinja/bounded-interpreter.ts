import type { Node, Program, Statement } from './program.js';
import { PythonInterpreter } from './python-interpreter.js';
import { LibraryScope, type Scope, toValue } from './runtime.js';
import { globals, LimitReached, type RenderBudget, spend } from './template-budget.js';
import {
  CHARACTERS_PER_UNIT,
  elements,
  entriesOf,
  isContainer,
  length,
  lineBreaks,
  nesting,
  searchCost,
  type Value,
} from './template-values.js';

/** Most nested evaluations: a recursive macro takes some ten per call, and V8's stack holds a few thousand. */
const MOST_DEPTH = 400;
/** Most values inside one another in a list or an object. */
const MOST_NESTED = 100;
/** Filters that take their arguments to every element. */
const perElement = new Set([
  'map',
  'sort',
  'select',
  'reject',
  'selectattr',
  'rejectattr',
  'groupby',
  'min',
  'max',
  'sum',
  'unique',
  'join',
]);
/** Cost of one pass of a loop before its body: the library makes two scopes and ten values for it. */
const UNITS_OF_A_PASS = 50;

/**
 * Renders a program as `Template.render` does.
 *
 * @param variables - the variables of the template.
 * @param now - the time that the template is told. Default: that of the clock.
 * @throws DomainError when the budget is spent; whatever the template itself raises.
 */
export function renderBounded(program: Program, variables: Readonly<Record<string, unknown>>, budget: RenderBudget, now?: Date): string {
  const environment = new LibraryScope();
  const charge = (units: number): void => spend(budget, units);
  for (const [name, value] of Object.entries(globals(charge, now))) environment.setVariable(name, value);
  for (const [name, value] of Object.entries(variables)) environment.setVariable(name, toValue(value));
  return String(new BoundedInterpreter(environment, budget).run(program).value);
}

class BoundedInterpreter extends PythonInterpreter {
  readonly #budget: RenderBudget;
  /** Object and name of each method taken from a value: the cost of a call depends on both. */
  readonly #methods = new WeakMap<Value, { readonly object: Value; readonly name: string }>();
  readonly #programSizes = new WeakMap<object, number>();
  #depth = 0;

  constructor(environment: Scope, budget: RenderBudget) {
    super(environment);
    this.#budget = budget;
  }

  override evaluate(statement: Statement, environment: Scope): Value {
    const node = statement;
    if (node?.type === 'Held') return node.value as Value;
    if (this.#depth >= MOST_DEPTH) throw new LimitReached(`the template nests its parts more than ${MOST_DEPTH} deep`);
    this.#depth += 1;
    try {
      this.#spend(1);
      const prepared = node === undefined ? statement : this.#prepare(node, environment);
      const value = super.evaluate(prepared, environment);
      this.#settle(node?.type, value);
      if (node?.type === 'MemberExpression' && value.type === 'FunctionValue') this.#remember(value, prepared as Node);
      return value;
    } finally {
      this.#depth -= 1;
    }
  }

  #spend(units: number): void {
    spend(this.#budget, units);
  }

  /**
   * Evaluates the operands of an operation in the library's order, pays for it, and returns the operation with the
   * values in their place.
   */
  #prepare(node: Node, environment: Scope): Statement {
    const evaluated = (operand: unknown): Value => this.evaluate(operand as Statement, environment);
    switch (node.type) {
      case 'BinaryExpression':
        return this.#prepareBinary(node, evaluated);
      case 'FilterExpression': {
        const operand = evaluated(node.operand);
        return { ...node, operand: held(operand), filter: this.#prepareFilter(node.filter as Node, operand, evaluated) };
      }
      case 'FilterStatement': {
        // The block takes the part of a filter expression's operand.
        const block = evaluated({ type: 'Program', body: node.body });
        return { type: 'FilterExpression', operand: held(block), filter: this.#prepareFilter(node.filter as Node, block, evaluated) };
      }
      case 'TestExpression': {
        const operand = evaluated(node.operand);
        this.#spend(length(operand) / CHARACTERS_PER_UNIT);
        return { ...node, operand: held(operand) };
      }
      case 'MemberExpression':
        return this.#prepareMember(node, evaluated);
      case 'CallExpression':
        return this.#prepareCall(node, evaluated);
      case 'For': {
        // `for x in list if test` tests each element in a scope of its own: only its list is replaced.
        const iterable = node.iterable as Node;
        const selects = iterable.type === 'SelectExpression';
        const list = evaluated(selects ? iterable.lhs : iterable);
        this.#spend(UNITS_OF_A_PASS * length(list));
        return { ...node, iterable: selects ? { ...iterable, lhs: held(list) } : held(list) };
      }
      case 'Set': {
        const value = node.value === null ? evaluated({ type: 'Program', body: node.body }) : evaluated(node.value);
        // A namespace is the only value that changes: it must not come to hold itself.
        if ((node.assignee as Node).type === 'MemberExpression') this.#admit(this.#fullSize(value, 1));
        return { ...node, value: held(value) };
      }
      case 'CallStatement':
        if (this.#methods.has(environment.lookupVariable(String(((node.call as Node).callee as Node).value)))) {
          throw new LimitReached('the template calls a method by a call block, which needs a macro');
        }
        this.#spend(this.#programSize(node));
        return node;
      case 'Macro':
        // The library goes through the whole body in search of `kwargs` and `varargs`.
        this.#spend(this.#programSize(node));
        return node;
      case 'Break':
      case 'Continue':
        this.#spend(50);
        return node;
      default:
        return node;
    }
  }

  #prepareBinary(node: Node, evaluated: (operand: unknown) => Value): Node {
    const operator = (node.operator as { readonly value: string }).value;
    if (operator === 'and' || operator === 'or') return node;
    const [left, right] = [evaluated(node.left), evaluated(node.right)];
    if (operator === '+' || operator === '~') {
      const [first, second] = [this.#fullSize(left), this.#fullSize(right)];
      this.#admit(first + second);
    } else if (operator === '*') this.#admitRepetition(left, right);
    else if (operator === '%') this.#admit(length(left) + this.#fullSize(right));
    else if (operator === 'in' || operator === 'not in') this.#spend(searchCost(right, length(left)));
    else this.#spend(Math.min(this.#fullSize(left), this.#fullSize(right)) / CHARACTERS_PER_UNIT);
    return { ...node, left: held(left), right: held(right) };
  }

  /** Pays for a text or a list that is repeated. */
  #admitRepetition(left: Value, right: Value): void {
    for (const [repeated, times] of [
      [left, right],
      [right, left],
    ])
      if (typeof times.value === 'number' && (typeof repeated.value === 'string' || Array.isArray(repeated.value)))
        this.#admit(this.#fullSize(repeated) * Math.max(0, times.value));
  }

  #prepareFilter(filter: Node, operand: Value, evaluated: (operand: unknown) => Value): Node {
    const name = String(((filter.type === 'CallExpression' ? filter.callee : filter) as Node).value);
    if (filter.type !== 'CallExpression') {
      this.payForFilter(name, operand, []);
      return filter;
    }
    const { nodes, values } = this.#prepareArguments(filter.args as readonly Node[], evaluated);
    this.payForFilter(name, operand, values);
    return { ...filter, args: nodes };
  }

  /** Pays for a filter before it runs. */
  protected override payForFilter(name: string, operand: Value, values: readonly Value[]): void {
    const size = this.#fullSize(operand);
    if (name === 'sort' || name === 'dictsort')
      this.#spend(2 * (size / CHARACTERS_PER_UNIT + length(operand)) * Math.log2(2 + length(operand)));
    else this.#spend(size / CHARACTERS_PER_UNIT + (operand.type === 'StringValue' ? 0 : length(operand)));
    // Each element is compared with all that came before it.
    if (name === 'unique') this.#spend((length(operand) * size) / CHARACTERS_PER_UNIT);
    const own = values.reduce((sum, value) => sum + this.#fullSize(value), 0);
    if (perElement.has(name)) this.#spend(length(operand) * (2 + own));
    this.#admitFilter(name, operand, size, values);
  }

  /** Pays for the output of a filter. */
  #admitFilter(name: string, operand: Value, size: number, values: readonly Value[]): void {
    const largest = Math.max(
      1,
      ...values.map((value) => (typeof value.value === 'number' ? Math.abs(value.value) : this.#fullSize(value))),
    );
    if (name === 'replace') this.#admitReplace(operand, values);
    // At worst every element is on a line of its own, indented by its depth.
    else if (name === 'tojson')
      this.#admit(values.length === 0 ? 6 * size : 6 * size + elements(operand) * (nesting(operand) + 1) * largest);
    else if (name === 'join') this.#admit(size + length(operand) * largest);
    else if (['center', 'batch', 'round', 'format'].includes(name)) this.#admit(size + Math.min(largest, 2 ** 53));
    else if (name === 'indent') this.#admit(size + (1 + lineBreaks(operand)) * largest);
  }

  #admitReplace(operand: Value, [old, replacement]: readonly Value[]): void {
    const text = typeof operand.value === 'string' ? operand.value : '';
    const from = typeof old?.value === 'string' ? old.value : '';
    const into = typeof replacement?.value === 'string' ? replacement.value : '';
    this.#spend(searchCost(operand, from.length));
    const most = text.length / Math.max(1, from.length) + 1;
    // Matches are worth counting only if one at every place would be too many.
    const count = from !== '' && most * into.length > this.#budget.mostSize / 8 ? text.split(from).length - 1 : most;
    this.#admit(text.length + count * into.length);
  }

  #prepareMember(node: Node, evaluated: (operand: unknown) => Value): Node {
    const object = evaluated(node.object);
    const property = node.property as Node;
    if (property.type === 'SliceExpression') {
      this.#spend(length(object) / (object.type === 'StringValue' ? 4 : 1));
      return { ...node, object: held(object) };
    }
    // A string or an object makes all its methods when one of them is asked for.
    this.#spend(object.type === 'ArrayValue' ? 1 : 5);
    return { ...node, object: held(object), property: node.computed === true ? held(evaluated(property)) : property };
  }

  #prepareCall(node: Node, evaluated: (operand: unknown) => Value): Node {
    const { nodes, values } = this.#prepareArguments(node.args as readonly Node[], evaluated);
    const target = evaluated(node.callee);
    this.#spend(5 + values.length);
    const method = this.#methods.get(target);
    if (method !== undefined) this.#admitMethod(method.object, method.name, values);
    return { ...node, callee: held(target), args: nodes };
  }

  #remember(method: Value, { object, property, computed }: Node): void {
    const name = computed === true ? ((property as Node).value as Value).value : (property as Node).value;
    this.#methods.set(method, { object: (object as Node).value as Value, name: String(name) });
  }

  #admitMethod(object: Value, name: string, values: readonly Value[]): void {
    this.#spend(this.#fullSize(object) / CHARACTERS_PER_UNIT);
    if (name === 'replace') this.#admitReplace(object, values);
    else if (name === 'split') this.#spend(searchCost(object, length(values[0])) + length(object) / 4);
    else if (name === 'dictsort') this.#spend(2 * length(object) * Math.log2(2 + length(object)));
    else if (['center', 'ljust', 'rjust', 'zfill'].includes(name))
      this.#admit(this.#fullSize(object) + Math.abs(Number(values[0]?.value ?? 0)));
    else if (name === 'join') this.#admit(this.#fullSize(values[0] ?? object) + length(values[0]) * length(object));
    else this.#spend(values.reduce((sum, value) => sum + length(value), 0));
  }

  /** Evaluates arguments: those by position first, then those by name. */
  #prepareArguments(args: readonly Node[], evaluated: (operand: unknown) => Value): { nodes: Node[]; values: Value[] } {
    const nodes = [...args];
    const values: Value[] = [];
    const take = (operand: unknown): Node => {
      const value = evaluated(operand);
      values.push(value);
      return held(value);
    };
    for (const [index, arg] of args.entries()) {
      if (arg.type === 'SpreadExpression') nodes[index] = { ...arg, argument: take(arg.argument) };
      else if (arg.type !== 'KeywordArgumentExpression' && arg.type !== 'KeywordSpreadExpression') nodes[index] = take(arg);
    }
    for (const [index, arg] of args.entries()) {
      if (arg.type === 'KeywordArgumentExpression') nodes[index] = { ...arg, value: take(arg.value) };
      else if (arg.type === 'KeywordSpreadExpression') nodes[index] = { ...arg, argument: take(arg.argument) };
    }
    return { nodes, values };
  }

  /**
   * Pays for a result. Composed values are measured with all they hold, since writing them out repeats what they share.
   */
  #settle(type: string | undefined, value: Value | undefined): void {
    if (value === undefined) return;
    if (value.type === 'StringValue') {
      const characters = length(value);
      this.#admit(characters, type === 'StringLiteral' || type === 'Identifier' || type === 'MemberExpression');
    } else if (value.type === 'UndefinedValue' && type === 'Identifier')
      // The library finds out by an exception.
      this.#spend(50);
    else if (isContainer(value) && type !== 'Identifier' && type !== 'MemberExpression') this.#admit(this.#fullSize(value));
  }

  /** Pays for a text or value of some size. @throws DomainError if it is too long. */
  #admit(size: number, free = false): void {
    if (size > this.#budget.mostSize || Number.isNaN(size)) {
      throw new LimitReached(`the template writes more than ${this.#budget.mostSize} characters`);
    }
    if (!free) this.#spend(size / CHARACTERS_PER_UNIT);
  }

  /** Counts the characters and elements of a value written out. What is shared counts each time. */
  #fullSize(value: Value, depth = 0): number {
    if (!isContainer(value)) return length(value);
    if (depth > 0 && value.type === 'NamespaceValue') throw new LimitReached('the template puts a namespace into another value');
    if (depth > MOST_NESTED) throw new LimitReached(`the template nests values more than ${MOST_NESTED} deep`);
    let size = 2;
    for (const [key, inner] of entriesOf(value)) {
      this.#spend(0.1);
      size += key.length + 4 + this.#fullSize(inner, depth + 1);
    }
    return size;
  }

  #programSize(node: unknown): number {
    if (typeof node !== 'object' || node === null) return 0;
    const known = this.#programSizes.get(node);
    if (known !== undefined) return known;
    const children: readonly unknown[] = node instanceof Map ? [...node].flat() : Object.values(node);
    const size = 1 + children.reduce((sum: number, child) => sum + this.#programSize(child), 0);
    this.#programSizes.set(node, size);
    return size;
  }
}

/** Makes a node that stands for a value. */
function held(value: Value): Node {
  return { type: 'Held', value };
}
