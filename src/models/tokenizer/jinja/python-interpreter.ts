/**
 * Evaluates programs as Python's Jinja does. The library parses them and knows scopes, macros and assignments; blocks,
 * loops, operators, filters, tests, methods and what is written of a value are ours, since the library's differ from
 * Python's in the cases that test/fixtures/models/jinja.json lists: `lstrip('\n')` strips all white space,
 * `selectattr(…, 'undefined')` yields nothing, `'' == false`, text and lists add up. Its issues are the place to report
 * them: https://github.com/huggingface/huggingface.js/issues.
 */
import { Interpreter } from '@huggingface/jinja';
import { WholeArguments } from './arguments.js';
import { attributeOf, itemOf } from './attributes.js';
import { type FilterContext, filter } from './filters.js';
import { loopScopes } from './loops.js';
import { binary, signed, sliceOf } from './operators.js';
import type { Node, Program, Statement } from './program.js';
import {
  bool,
  entriesIn,
  isCallable,
  isDict,
  isUndefined,
  iterate,
  keywords,
  kindOf,
  requireDefined,
  type Scope,
  str,
  type TemplateFunction,
  text,
  truth,
  undefinedValue,
} from './runtime.js';
import type { Value } from './template-values.js';
import { test } from './tests.js';

interface Evaluator {
  run(program: Program): Value;
  evaluate(statement: Statement, environment: Scope): Value;
}

const LibraryInterpreter = Interpreter as unknown as new (environment: Scope) => Evaluator;

/** Leaves a loop, or a pass of it, with what the blocks within have written so far. */
class LoopSignal extends Error {
  written = '';
  readonly ends: boolean;

  constructor(ends: boolean) {
    super(ends ? "'break' outside loop" : "'continue' outside loop");
    this.ends = ends;
  }
}

/** Evaluates programs whose operands a subclass has replaced by their values. */
export class PythonInterpreter extends LibraryInterpreter {
  override evaluate(statement: Statement, environment: Scope): Value {
    return this.#python(statement, environment) ?? super.evaluate(statement, environment);
  }

  /**
   * Evaluates what the library would evaluate in another way than Python; its operands are values already.
   *
   * @returns undefined for what is left to the library.
   */
  #python(statement: Statement, environment: Scope): Value | undefined {
    const node = statement;
    switch (node?.type) {
      case 'Program':
        return text(this.#block(node.body as readonly Statement[], environment));
      case 'Output':
        return text(str(this.evaluate(node.value as Statement, environment)));
      case 'If': {
        const holds = truth(this.evaluate(node.test as Statement, environment));
        return text(this.#block((holds ? node.body : node.alternate) as readonly Statement[], environment));
      }
      case 'For':
        return text(this.#loop(node, environment));
      case 'Break':
      case 'Continue':
        throw new LoopSignal(node.type === 'Break');
      case 'Identifier': {
        const value = environment.lookupVariable(String(node.value));
        return isUndefined(value) ? undefinedValue(`'${String(node.value)}'`) : value;
      }
      case 'SelectExpression':
        return truth(this.evaluate(node.test as Statement, environment))
          ? this.evaluate(node.lhs as Statement, environment)
          : undefinedValue('the inline if-expression that has no else');
      case 'UnaryExpression': {
        const argument = this.evaluate(node.argument as Statement, environment);
        const operator = (node.operator as { readonly value: string }).value;
        return operator === 'not' ? bool(!truth(argument)) : signed(operator, argument);
      }
      case 'BinaryExpression': {
        const operator = (node.operator as { readonly value: string }).value;
        if (operator === 'and' || operator === 'or') return undefined;
        return binary(operator, valueIn(node.left), valueIn(node.right));
      }
      case 'TestExpression': {
        const holds = test(String((node.test as Node).value), valueIn(node.operand), []);
        return bool(holds !== node.negate);
      }
      case 'FilterExpression':
        return this.#filtered(node);
      case 'MemberExpression': {
        const [object, property] = [valueIn(node.object), node.property as Node];
        if (property.type === 'SliceExpression') {
          const bounds = [property.start, property.stop, property.step].map((bound) => this.evaluate(bound as Statement, environment));
          return sliceOf(object, bounds);
        }
        if (node.computed === true) return itemOf(object, valueIn(property));
        return property.type === 'Identifier'
          ? attributeOf(object, String(property.value))
          : itemOf(object, this.evaluate(property, environment));
      }
      case 'CallExpression': {
        const target = valueIn(node.callee);
        requireDefined(target);
        if (!isCallable(target)) throw new Error(`'${kindOf(target)}' object is not callable`);
        return (target.value as TemplateFunction)(this.#argumentsOf(node.args as readonly Node[]), environment);
      }
      default:
        return undefined;
    }
  }

  /** Writes a list of statements one after another. */
  #block(statements: readonly Statement[], environment: Scope): string {
    let written = '';
    try {
      for (const statement of statements) {
        const value = this.evaluate(statement, environment);
        // Statements such as `set` write nothing.
        if (value.type !== 'NullValue' && !isUndefined(value)) written += String(value.value);
      }
    } catch (signal) {
      if (signal instanceof LoopSignal) signal.written = written + signal.written;
      throw signal;
    }
    return written;
  }

  /** Runs a loop. Each pass has variables of its own. */
  #loop(node: Node, environment: Scope): string {
    const iterable = node.iterable as Node;
    const selects = iterable.type === 'SelectExpression';
    const admits = (scope: Scope): boolean => !selects || truth(this.evaluate(iterable.test as Statement, scope));
    const passes = loopScopes(node.loopvar as Node, valueIn(selects ? iterable.lhs : iterable), environment, admits);
    let written = '';
    // As in Jinja, passes that are left early do not count.
    let isThrough = false;
    for (const scope of passes) {
      try {
        written += this.#block(node.body as readonly Statement[], scope);
        isThrough = true;
      } catch (signal) {
        if (!(signal instanceof LoopSignal)) throw signal;
        written += signal.written;
        if (signal.ends) break;
      }
    }
    return isThrough ? written : written + this.#block(node.defaultBlock as readonly Statement[], environment);
  }

  /** Applies a filter, or a test with arguments, which is written as one: see program.ts. */
  #filtered({ operand, filter: applied }: Node): Value {
    const node = applied as Node;
    const name = String((node.type === 'CallExpression' ? (node.callee as Node) : node).value);
    const args = node.type === 'CallExpression' ? this.#argumentsOf(node.args as readonly Node[]) : [];
    const asTest = /^is (not )?(.*)$/.exec(name);
    if (asTest !== null) return bool(test(asTest[2], valueIn(operand), args) === (asTest[1] === undefined));
    const context: FilterContext = {
      attribute: itemOf,
      apply: (inner, value, given) => {
        this.payForFilter(inner, value, [...given.positional, ...given.named.values()]);
        return filter(inner, value, given, context);
      },
    };
    return filter(name, valueIn(operand), new WholeArguments(name, args), context);
  }

  /** Called before a filter is applied by another, such as `map`. */
  protected payForFilter(_name: string, _operand: Value, _args: readonly Value[]): void {}

  /** Returns evaluated arguments as functions take them: those by name in one value at the end. */
  #argumentsOf(nodes: readonly Node[]): readonly Value[] {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    const name = (key: string, value: Value): void => {
      if (named.has(key)) throw new Error(`got multiple values for keyword argument '${key}'`);
      named.set(key, value);
    };
    for (const node of nodes) {
      if (node.type === 'SpreadExpression') positional.push(...iterate(valueIn(node.argument)));
      else if (node.type === 'KeywordArgumentExpression') name(String((node.key as Node).value), valueIn(node.value));
      else if (node.type === 'KeywordSpreadExpression') {
        const value = valueIn(node.argument);
        if (!isDict(value)) throw new Error(`argument after ** must be a mapping, not ${kindOf(value)}`);
        for (const [key, inner] of entriesIn(value)) name(key, inner);
      } else positional.push(valueIn(node));
    }
    return named.size > 0 ? [...positional, keywords(named)] : positional;
  }
}

/** Returns the value that stands in a node's place. */
function valueIn(node: unknown): Value {
  return (node as { readonly value: Value }).value;
}
