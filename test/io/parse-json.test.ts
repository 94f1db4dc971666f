import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/core/errors.js';
import { decodeUtf8, parseJson } from '../../src/io/parse-json.js';

const parse = (text: string) => parseJson('reader', 'file.json', text);

describe('parseJson', () => {
  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), fc.integer({ min: 0, max: 3 }), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['{"a":1,"a":2}', '"a" twice'],
    ['{"a":1,"\\u0061" : 2}', '"\\u0061" twice'],
    ['[{"b":{}, "c":[{"x":"x","x":"x"}]}]', '"x" twice'],
    ['{"\\\\":1,"\\\\":2}', 'twice'],
    ['["\\ud800"]', 'surrogate'],
    ['{"a":1', 'must be JSON'],
    ['', 'must be JSON'],
  ])('refuses %s', (text, problem) => {
    expect(() => parse(text)).toThrow(FormatError);
    expect(() => parse(text)).toThrow('reader: file.json');
    expect(() => parse(text)).toThrow(problem);
  });

  it.each(['{"a":"a","b":["a","a",{"a":1}],"c":{"a":"\\"a\\":"}}', '{"__proto__":1,"constructor":2}'])('accepts %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('takes long strings and deep nesting', () => {
    expect(parse(`${'['.repeat(1e5)}${']'.repeat(1e5)}`)).toHaveLength(1);
    expect(parse(`"${'\\n'.repeat(5_000_000)}"`)).toHaveLength(5_000_000);
  });

  it.each([
    ['[', ']'],
    ['{"a":', '}'],
  ])('takes %s to a limit if one is given, and no deeper', (open, close) => {
    const nested = (levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
    const limited = (text: string) => parseJson('reader', 'file.json', text, 127);
    expect(limited(nested(127))).toBeTypeOf('object');
    for (const levels of [128, 1e5]) expect(() => limited(nested(levels))).toThrow(/^reader: file\.json nests deeper than 127 levels/);
  });
});

it('decodeUtf8 refuses other bytes', () => {
  expect(() => decodeUtf8('reader', 'file.txt', Uint8Array.of(0x61, 0xff))).toThrow(FormatError);
  expect(decodeUtf8('reader', 'file.txt', new TextEncoder().encode('é😀'))).toBe('é😀');
});
