/** Chat templates, which are programs of strangers: as the library renders them, under a budget. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Template } from '@huggingface/jinja';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError, FormatError } from '../../../src/core/errors.js';
import { nodeFiles } from '../../../src/io/index.js';
import { type ChatTemplate, readChatTemplate } from '../../../src/models/tokenizer/chat-template.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-template-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(source: string): Promise<ChatTemplate> {
  await writeFile(path.join(folder, 'chat_template.jinja'), source);
  const template = await readChatTemplate('loadTokenizer', folder, {}, { files: nodeFiles, now: undefined });
  if (template === undefined) throw new Error('no template');
  return template;
}

const messages = [
  { role: 'system', content: 'Be "kind".\n' },
  { role: 'user', content: 'héllo 😀 <b>', tool_calls: [{ name: 'f', arguments: { a: [1, 2.5, null, true], b: { c: 'd' } } }] },
  { role: 'assistant', content: '  trim me  ' },
];
const variables = { messages, add_generation_prompt: true, bos_token: '<s>', tools: [{ name: 'f', parameters: { x: { type: 'int' } } }] };

describe('renders within its budget', () => {
  it('a conversation of 200 messages and a megabyte, and many short ones', async () => {
    const source =
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}<{{ m.role }}>{{ m.content | trim }}{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}{% endif %}{% endfor %}";
    const long = Array.from({ length: 200 }, (_, index) => ({ role: index % 2 ? 'assistant' : 'user', content: ' wörd'.repeat(1000) }));
    const template = await load(source);
    expect(template({ messages: long })).toBe(new Template(source).render({ messages: long }));
    for (let row = 0; row < 3000; row++) expect(template({ messages: messages.slice(1) })).toContain('héllo');
  });
});

describe('a template that does not end, or writes too much, is an error that names it', () => {
  const doubling = (value: string, step: string) =>
    `{% set ns = namespace(x=${value}) %}{% for i in range(200) %}{% set ns.x = ${step} %}{% endfor %}`;
  const big =
    `{% set big = ("x" * 1) %}`.replace('("x" * 1)', '"x"') +
    '{% set n = namespace(b="xxxxxxxxxx") %}{% for i in range(18) %}{% set n.b = n.b + n.b %}{% endfor %}';
  it.each<[string, string]>([
    ['a range', '{{ range(10000000000) }}'],
    ['a range of 1e8', '{% for i in range(100000000) %}{% endfor %}'],
    ['a range that stands still', '{{ range(9007199254740992, 9007199254740994) }}'],
    ['a range to infinity', '{{ range(0, 1 // 0) }}'],
    ['a range with a step near zero', '{{ range(0, 1, 1e-9 | default(0.000000001)) }}'],
    [
      'nested loops',
      '{% for a in range(5000) %}{% for b in range(5000) %}{% for c in range(5000) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['a macro of itself', '{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}'],
    ['a macro that doubles', '{% macro m(x) %}{% if x > 0 %}{{ m(x - 1) }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(30) }}'],
    ['strings that double', `${doubling('"ab"', 'ns.x + ns.x')}{{ ns.x }}`],
    ['strings that double by ~', doubling('"ab"', 'ns.x ~ ns.x')],
    ['lists that double', doubling('[1]', 'ns.x + ns.x')],
    ['lists in lists', `${doubling('[1]', '[ns.x, ns.x]')}{{ ns.x }}`],
    ['objects in objects', `${doubling('{"a": 1}', '{"a": ns.x, "b": ns.x}')}{{ ns.x | tojson }}`],
    ['a namespace in itself', '{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns }}'],
    ['namespaces in namespaces', `${doubling('1', 'namespace(a=ns.x, b=ns.x)')}{{ ns.x }}`],
    ['replace', `${big}{{ n.b | replace("x", n.b) }}`],
    ['replace of nothing', `${big}{{ n.b.replace("", n.b) }}`],
    ['replace kept in a variable', `${big}{% set f = n.b.replace %}{{ f("x", n.b) }}`],
    ['replace called as a block', `${big}{% set f = n.b.replace %}{% call f("x", n.b) %}{% endcall %}`],
    ['join', `${big}{{ n.b | join(n.b) }}`],
    ['join of a list', `${big}{{ range(100000) | join(n.b) }}`],
    ['indent', '{{ "a\nb" | indent(1000000000, true) }}'],
    ['indent of many lines', `${big}{{ n.b | replace("x", "\n") | indent(100000, true, true) }}`],
    ['tojson with a large indent', '{{ [[[1]]] | tojson(indent=400000000) }}'],
    ['tojson with large separators', `${big}{{ range(10000) | list | tojson(separators=(n.b, n.b)) }}`],
    ['a filter block', `${big}{% filter replace("x", n.b) %}{{ n.b }}{% endfilter %}`],
    ['a slow row', `${big}{% for i in range(1000000) %}{% set y = n.b | upper %}{% endfor %}`],
    ['a set block', `${big}{% for i in range(1000000) %}{% set y %}{{ n.b }}{% endset %}{% endfor %}`],
    ['searches', `${big}{% for i in range(100000) %}{{ ("y" + n.b) in n.b }}{% endfor %}`],
    ['slices', `${big}{% for i in range(100000) %}{{ n.b[1:2] }}{% endfor %}`],
    ['sorting', '{% for i in range(100000) %}{% set x = range(1000) | sort %}{% endfor %}'],
    ['dates', '{% for i in range(10000000) %}{{ strftime_now("%B") }}{% endfor %}'],
    ['macros defined in a loop', `{% for i in range(1000000) %}{% macro m() %}${'{{ a }}'.repeat(3000)}{% endmacro %}{% endfor %}`],
    ['unknown names', '{% for i in range(10000000) %}{{ a }}{{ b }}{% endfor %}'],
    ['exceptions', '{% for i in range(100000000) %}{% continue %}{% endfor %}'],
    ['deep operations', `{{ ${'1 + '.repeat(3000)}1 }}`],
    ['deep conditions', `{% if true %}${'{% if true %}'.repeat(600)}x${'{% endif %}'.repeat(600)}{% endif %}`],
  ])('%s', async (_, source) => {
    const render = await load(source);
    expect(() => render(variables)).toThrow(DomainError);
    expect(() => render(variables)).toThrow(/^applyChatTemplate: .*chat_template\.jinja refuses the conversation: /);
  });

  it.each<[string, string]>([
    ['200,000 spaces', `a${' '.repeat(200_000)}b`],
    ['20 MB of text', 'text '.repeat(4_000_000)],
    ['deep parentheses', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
    ['deep brackets', `{{ ${'['.repeat(100_000)} }}`],
    ['a deep negation', `{{ ${'not '.repeat(100_000)}1 }}`],
    ['what does not end', '{% if a %}{% for x in y %}'],
    ['half an expression', '{{ "a'],
  ])('%s', async (_, source) => {
    await expect(load(source)).rejects.toThrow(FormatError);
    await expect(load(source)).rejects.toThrow(/^loadTokenizer: .*chat_template\.jinja must be a /);
  });

  it.each(['{{ a |', '{% if a %}{% endif', '{{ a.', '{% for x in', '{% set', '{% if', '{{ a[', '{% macro f('])(
    'the program that breaks off in %j',
    async (source) => {
      const outcome = load(source);
      await expect(outcome).rejects.toThrow(FormatError);
      const message = await outcome.catch((error: Error) => error.message);
      expect(message).toMatch(/ must be a Jinja template, got: \S.*; check the file$/s);
      expect(message).not.toMatch(/Cannot read|is not a function|undefined/);
    },
  );

  it('the value of another kind', async () => {
    const render = await load('{{ strftime_now(1) }}');
    expect(() => render(variables)).toThrow(/refuses the conversation: "strftime_now\(\) argument 'format' must be str, not int"; /);
  });

  it.each([
    "{{ [[1]] | map('batch', 400000000, 0) | list }}",
    "{{ [range(6000) | list] | map('unique') | list }}",
    '{% set x = namespace(n=10 ** 1000) %}{% for i in range(30) %}{% set x.n = x.n * x.n %}{% endfor %}{{ x.n }}',
    "{{ ('9' * 1000000 ~ 'x') | float }}",
  ])('%s ends within its budget', async (source) => {
    const render = await load(source);
    const begun = performance.now();
    expect(() => {
      const written = render(variables);
      if (source.includes('float')) throw new Error(`the budget allows it: ${written}`);
    }).toThrow(/computes longer|writes more|too many digits|the budget allows it: 0.0/);
    // Hours without the budget; the bound is for them, not for speed.
    expect(performance.now() - begun).toBeLessThan(60_000);
  });

  it('the time that the loader was given is that of every rendering', async () => {
    await writeFile(path.join(folder, 'chat_template.jinja'), "{{ strftime_now('%d %b %Y') }}");
    const now = new Date(2024, 6, 26, 12);
    const template = await readChatTemplate('loadTokenizer', folder, {}, { files: nodeFiles, now });
    expect(template?.(variables)).toBe('26 Jul 2024');
  });

  it('a template that is slow at every row is refused after a few', async () => {
    const render = await load('{% for i in range(15000) %}{% set x = i %}{% endfor %}{{ messages | length }}');
    expect(render(variables)).toBe('3');
    expect(() => {
      for (let row = 0; row < 50; row++) render(variables);
    }).toThrow(/computes longer/);
  });
});

it('variables that hold themselves are refused', async () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const render = await load('{{ x }}');
  expect(() => render({ x: circle })).toThrow(DomainError);
});
