/** Against Python's Jinja in the environment of transformers' chat templates (test/peers/golden_jinja.py). */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { withExactNumbers } from '../../../src/io/exact-numbers.js';
import { renderBounded } from '../../../src/models/tokenizer/jinja/bounded-interpreter.js';
import { parseTemplate } from '../../../src/models/tokenizer/jinja/program.js';
import { strftime } from '../../../src/models/tokenizer/jinja/strftime.js';

interface Table {
  readonly names: readonly string[];
  readonly results: readonly (readonly (string | null)[])[];
}

interface Golden {
  readonly variables: string;
  readonly values: readonly string[];
  readonly operators: readonly { readonly operator: string; readonly values: readonly string[]; readonly results: Table['results'] }[];
  readonly filters: Table;
  readonly tests: Table;
  readonly slices: Table;
  readonly unary: Table;
  readonly methods: Table & { readonly texts: readonly string[] };
  readonly templates: readonly { readonly template: string; readonly result: string | null }[];
  readonly dates: { readonly format: string; readonly results: readonly (readonly [string, string])[] };
}

const golden = JSON.parse(await readFile(path.resolve(import.meta.dirname, '../../fixtures/models/jinja.json'), 'utf8')) as Golden;
const variables = withExactNumbers(golden.variables, JSON.parse(golden.variables)) as Readonly<Record<string, unknown>>;

/** What a template writes; null if it fails. */
function render(source: string): string | null {
  try {
    return renderBounded(parseTemplate(source), variables, { units: 1e6, mostSize: 2 ** 20 });
  } catch {
    return null;
  }
}

/** All expressions of a table whose value is not Python's. */
function differences(
  rows: readonly string[],
  columns: readonly string[],
  results: Table['results'],
  form: (row: string, column: string) => string,
) {
  return rows.flatMap((row, i) =>
    columns.flatMap((column, j) => {
      const [source, expected] = [form(row, column), results[i][j]];
      const got = render(source);
      return got === expected ? [] : [{ source, got, expected }];
    }),
  );
}

describe('as in Python', () => {
  it.each(golden.operators.map(({ operator }) => operator))('the operator %s between values of all kinds', (operator) => {
    const { values, results } = golden.operators.find((one) => one.operator === operator) as Golden['operators'][number];
    expect(differences(values, values, results, (a, b) => `{{ (${a}) ${operator} (${b}) }}`)).toEqual([]);
  });

  it('signs and not', () => {
    expect(differences(golden.values, golden.unary.names, golden.unary.results, (a, b) => `{{ ${b}(${a}) }}`)).toEqual([]);
  });

  it('filters of values of all kinds', () => {
    expect(differences(golden.values, golden.filters.names, golden.filters.results, (a, b) => `{{ (${a}) | ${b} }}`)).toEqual([]);
  });

  it('tests of values of all kinds', () => {
    expect(differences(golden.values, golden.tests.names, golden.tests.results, (a, b) => `{{ (${a}) is ${b} }}`)).toEqual([]);
  });

  it('methods of texts', () => {
    const { texts, names, results } = golden.methods;
    expect(differences(texts, names, results, (a, b) => `{{ (${a}).${b} }}`)).toEqual([]);
  });

  it('elements, slices, attributes and methods of values of all kinds', () => {
    expect(differences(golden.values, golden.slices.names, golden.slices.results, (a, b) => `{% set v = ${a} %}{{ v${b} }}`)).toEqual([]);
  });

  it.each(golden.templates)('$template', ({ template, result }) => {
    expect(render(template)).toBe(result);
  });

  it.each(golden.dates.results)('the date %s', (date, expected) => {
    expect(strftime(new Date(date), golden.dates.format)).toBe(expected);
  });
});

// Python formats these: to leave them as they are would be wrong without a word.
it.each(["'{0:>5}'.format(1)", "'{:.2f}'.format(1)", "'{x.y}'.format(x=1)", "'{'.format(1)"])('%s is refused', (expression) => {
  const program = parseTemplate(`{{ ${expression} }}`);
  expect(() => renderBounded(program, {}, { units: 1e6, mostSize: 2 ** 20 })).toThrow(/in a text to format is not supported/);
});
