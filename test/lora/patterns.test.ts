/** Patterns of module names, which come from files: as Python's re, in linear time, and bounded. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.js';
import { resolveLoraConfig } from '../../src/lora/adapter/lora-config.js';
import type { LoraConfig } from '../../src/lora/index.js';
import { pythonPattern, pythonPatterns } from '../../src/lora/targets/python-pattern.js';
import { targetModules } from '../../src/lora/targets/target-modules.js';

interface Golden {
  readonly names: readonly string[];
  /** Which names Python matches wholly, by their position; null where it refuses the pattern. */
  readonly rows: readonly { readonly pattern: string; readonly matches: readonly number[] | null }[];
}

// Written by test/peers/golden_patterns.py.
const golden = JSON.parse(readFileSync(new URL('../fixtures/lora/patterns.json', import.meta.url), 'utf8')) as Golden;

/** What Python can do and linear time cannot, or what is refused rather than approximated. */
const refusals = /linear time|\\N\{|outside ASCII/;
/** What is refused for single names only. */
const nameRefusals = /names in ASCII only|without line breaks only/;

/** The pattern, or undefined where it is refused with a ConfigError. */
function compileIfPossible(pattern: string): ReturnType<typeof pythonPattern> | string {
  try {
    return pythonPattern('test', 'option', pattern);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
}

describe('against Python', () => {
  it.each(golden.rows.map(({ pattern, matches }) => [pattern, matches] as const))('%j', (pattern, matches) => {
    const compiled = compileIfPossible(pattern);
    if (typeof compiled === 'string') {
      if (matches !== null) expect(compiled).toMatch(refusals);
      return;
    }
    expect(matches === null ? `${pattern} is refused by Python` : pattern).toBe(pattern);
    for (const [index, name] of golden.names.entries()) {
      let found: boolean;
      try {
        found = compiled.test(name);
      } catch (error) {
        expect((error as Error).message).toMatch(nameRefusals);
        continue;
      }
      expect([name, found]).toEqual([name, matches?.includes(index)]);
    }
  });

  it('hardly any pattern is refused that Python takes', () => {
    const refused = golden.rows.filter(({ pattern, matches }) => matches !== null && typeof compileIfPossible(pattern) === 'string');
    expect(refused.length).toBeLessThan(25);
  });
});

describe('patterns that backtracking engines do not finish', () => {
  const modules = ['model.layers.0.self_attn.q_proj', `${'a'.repeat(5000)}`].map((name) => ({
    name,
    inFeatures: 4,
    outFeatures: 4,
    fanInFanOut: false,
    bias: false,
  }));
  const bomb = '([a-z_.0-9]+)+!';
  it.each<[string, LoraConfig]>([
    ['rankPattern', { rankPattern: { [bomb]: 2 } }],
    ['alphaPattern', { alphaPattern: { [bomb]: 2 } }],
    ['excludeModules', { excludeModules: bomb }],
    ['modulesToSave', { modulesToSave: [bomb] }],
    ['layersPattern', { layersToTransform: [0], layersPattern: [`(${bomb})?layers`], targetModules: ['q_proj'] }],
    ['targetModules', { targetModules: `${bomb}|.*q_proj` }],
  ])('as %s are matched', (_, config) => {
    const found = targetModules('test', resolveLoraConfig('test', { targetModules: '.*', ...config }), modules, { everyName: false });
    expect(found.map(({ module }) => module.name)).toContain(modules[0].name);
  });

  it.each(['(a*)*b', '(a|a)*b', '(a|aa)+$', '(.*a){20}', '(([a-z])+.)+[A-Z]([a-z])+$', '.*.*.*.*.*.*!'])('%s', (pattern) => {
    expect(pythonPattern('test', 'option', pattern).test(`${'a'.repeat(20_000)}?`)).toBe(false);
  });
});

describe('too large a pattern is refused before it is compiled', () => {
  it.each<[string, readonly string[]]>([
    ['a long one', ['a'.repeat(70_000)]],
    ['many repetitions', ['a{1001}']],
    ['repetitions of repetitions', ['(a{1000}){1000}']],
    ['repetitions that add up', [`${'(ab){900}'.repeat(60)}`]],
    ['many', Array.from({ length: 5000 }, (_, index) => `(ab${index}){900}`)],
    ['deep parentheses', [`${'('.repeat(5000)}a${')'.repeat(5000)}`]],
  ])('%s', (_, patterns) => {
    expect(() => pythonPatterns('test', 'option', patterns)).toThrow(ConfigError);
    expect(() => pythonPatterns('test', 'option', patterns)).toThrow(
      /^test: option must be regular expressions of Python's re, got ".{1,220}", which /,
    );
  });

  it('a rank for each module of a large model is not too large', () => {
    const names = Array.from({ length: 700 }, (_, index) => `model.layers.${index}.self_attn.q_proj`);
    const patterns = pythonPatterns('test', 'option', names, { before: '(.*\\.)?(', after: ')' });
    expect(patterns.findIndex((pattern) => pattern.test(`base.${names[699]}`))).toBe(699);
  });
});

it('flags at the beginning hold for what PEFT puts around', () => {
  const [pattern] = pythonPatterns('test', 'rank_pattern', ['(?i)Q_PROJ'], { before: '(.*\\.)?(', after: ')' });
  expect(pattern.test('model.q_proj')).toBe(true);
  expect(pattern.test('model.q_projx')).toBe(false);
});

it('lookaround, references and the like are refused with what to write instead', () => {
  for (const pattern of ['(?!lm_head).*', '(?<=a)b', '(a)\\1', '(?P<n>a)(?P=n)', '(?>a)', 'a++', '(a)?(?(1)b|c)'])
    expect(() => pythonPattern('test', 'option', pattern)).toThrow(/engine of linear time cannot match; spell the alternatives out/);
});
