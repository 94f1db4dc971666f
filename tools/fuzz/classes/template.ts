/** Chat templates: programs in Jinja that come with a checkpoint, sound, damaged and hostile. */
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ChatMessage, loadTokenizer } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import type { Draw } from '../draw.js';
import { BrokenPromise, type FuzzClass } from '../fuzz-class.js';
import { inRepository } from './fixtures.js';

const conversation: readonly ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'What is 2 + 2?' },
  { role: 'assistant', content: '4' },
  { role: 'user', content: 'And é😀?' },
];

/** Characters of a page of text, many times over: a conversation of five words does not become more. */
const longestText = 20_000_000;

/** The class. */
export const template: FuzzClass = {
  name: 'template',
  refusal: /^(loadTokenizer|applyChatTemplate): .*chat_template/s,
  prepare: async () => ({
    write(draw, folder, damaged) {
      for (const name of ['tokenizer.json', 'tokenizer_config.json'])
        symlinkSync(inRepository('test/fixtures/models/tiny-qwen2', name), path.join(folder, name));
      const bytes = Buffer.from(damaged ? program(draw) : draw.pick(soundTemplates));
      writeFileSync(path.join(folder, 'chat_template.jinja'), damaged && draw.chance(0.15) ? damageBytes(draw, bytes) : bytes);
    },
    async use(folder, attempt, draw, damaged) {
      const loaded = await attempt(() => loadTokenizer(folder));
      if (loaded === undefined) return;
      for (const addGenerationPrompt of [false, true]) {
        const text = await attempt(() => loaded.applyChatTemplate(conversation, { addGenerationPrompt }));
        if (text !== undefined && text.length > longestText)
          await attempt(() => Promise.reject(new BrokenPromise(`a text of ${text.length} characters`)));
      }
      if (!damaged) return;
      const odd = draw.pick<readonly ChatMessage[]>([
        [],
        [{ role: 'user', content: null }],
        [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
        [{ role: '', content: 1 }],
      ]);
      await attempt(() => loaded.applyChatTemplate(odd));
    },
  }),
};

const soundTemplates = [
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
  '{%- for message in messages -%}{{ loop.index0 }}:{{ message.role | upper }}: {{ message.content | trim }}\n{%- endfor -%}',
  "{% set ns = namespace(last='') %}{% for m in messages %}{% set ns.last = m.content %}{% endfor %}{{ ns.last }}{{ eos_token }}",
  "{% macro turn(m) %}[{{ m.role }}] {{ m.content }}{% endmacro %}{% for m in messages if m.role != 'system' %}{{ turn(m) }}{% endfor %}",
  "{{ messages | map(attribute='content') | join(' / ') }}",
];

/** A program: sound, with one piece exchanged, or put together from statements. */
function program(draw: Draw): string {
  if (draw.chance(0.4)) return statements(draw, 0);
  const sound = draw.pick(soundTemplates);
  return draw.pick([
    () => sound,
    () => sound + statements(draw, 1),
    () =>
      sound.replace(
        draw.pick(['{% endfor %}', 'messages', "m['content']", 'm.content', '%}', '{{', '}}', ' in ', 'm']),
        draw.pick(['', expression(draw, 0), '{%', '}}', '{#']),
      ),
    () => sound.replace('messages', draw.pick(loops)),
  ])();
}

const loops = [
  'range(3)',
  'range(10000000000)',
  'range(100000000)',
  'range(-5)',
  'range(5, 1)',
  'range(0, 10, 0)',
  'range(1.5)',
  "range('x')",
  'messages * 3',
  "'abc'",
  '5',
  'none',
  'undefinedname',
  'messages[0]',
  'range(100000)',
  'range(2, 1000000000, 3)',
];

function statements(draw: Draw, depth: number): string {
  return draw.list(1, 3, () => statement(draw, depth)).join('');
}

function statement(draw: Draw, depth: number): string {
  const inner = (): string => (depth > 3 ? 'x' : statements(draw, depth + 1));
  return draw.pick([
    () => `{{ ${expression(draw, 0)} }}`,
    () => `{{ ${expression(draw, 0)} }}`,
    () => `text ${draw.pick(['{', '}', '%', '#', '\\', ' ', '\n'])}`,
    () => `{% for ${draw.pick(['i', 'm', 'a, b', 'i.x', '1'])} in ${draw.pick([...loops, expression(draw, 1)])} %}${inner()}{% endfor %}`,
    () =>
      `{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}${draw.pick(['x', '', '{{ i * j }}'])}{% endfor %}{% endfor %}{% endfor %}`,
    () => `{% if ${expression(draw, 0)} %}${inner()}{% elif ${expression(draw, 1)} %}y{% else %}z{% endif %}`,
    () => `{% set ${draw.pick(['x', 'ns.x', 'x, y', 'messages'])} = ${expression(draw, 0)} %}`,
    () =>
      `{% macro f(a${draw.pick(['', ', b', '=1'])}) %}${draw.pick(['{{ a }}', '{{ f(a) }}', '{{ f(a) }}{{ f(a) }}', '{{ f() }}'])}{% endmacro %}{{ f(${expression(draw, 1)}) }}`,
    () =>
      `{% set ns = namespace(s='ab') %}{% for i in range(${draw.pick([3, 10, 40, 100])}) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | length }}`,
    () => `{% set x = [1] %}{% for i in range(${draw.pick([3, 30, 60])}) %}{% set x = x + x %}{% endfor %}`,
    () =>
      `{%${draw.pick(['-', '+', '']) + draw.pick(['raw', 'include "x"', 'import "x"', 'extends "x"', 'block b', 'call f()', 'filter upper', 'break', 'continue', 'generation', 'endfor', 'do 1', ''])} %}`,
    () => `{{ raise_exception(${draw.pick(["'no'", '', '1', 'none'])}) }}`,
    () => `${'{% if true %}'.repeat(draw.pick([5, 500, 5000]))}x${'{% endif %}'.repeat(draw.pick([5, 500, 5000]))}`,
    () => `${' '.repeat(draw.pick([100, 200_000]))}${draw.pick(['', '{% if x %}', '{{', 'x'])}`,
  ])();
}

function expression(draw: Draw, depth: number): string {
  const inner = (): string => (depth > 3 ? '1' : expression(draw, depth + 1));
  return draw.pick([
    () =>
      draw.pick([
        'messages',
        'messages[0].content',
        'messages[-1]',
        "messages[0]['role']",
        'add_generation_prompt',
        'eos_token',
        'nothing',
        'nothing.x',
        'loop.index',
        'messages[99].content',
      ]),
    () =>
      draw.pick([
        '1',
        '0',
        '-1',
        '1.5',
        '1e9',
        '1e308',
        '9007199254740993',
        'true',
        'none',
        "'a'",
        '"b"',
        '[]',
        '{}',
        '[1, 2]',
        "{'a': 1}",
        '(1,)',
        "''",
      ]),
    () =>
      `${inner()} ${draw.pick(['+', '-', '*', '/', '//', '%', '**', '~', '==', '<', 'in', 'and', 'or', 'not in', 'is', 'if true else'])} ${inner()}`,
    () =>
      `${inner()} | ${draw.pick(['length', 'upper', 'trim', 'tojson', 'join(",")', 'first', 'list', 'int', 'default("x")', 'map("upper")', 'selectattr("role")', 'indent(1000000)', 'replace("", "x")', 'unknown', 'string', 'sort', 'items', 'reverse', 'tojson(indent=100000000)'])}`,
    () =>
      `${inner()}.${draw.pick(['strip()', 'split()', 'upper()', 'constructor', '__proto__', 'items()', 'replace("a", "b")', 'x', 'format(1)', 'get("a")', 'constructor.constructor("return process")()'])}`,
    () => `${inner()} is ${draw.pick(['defined', 'string', 'mapping', 'none', 'iterable', 'divisibleby(0)', 'unknown'])}`,
    () => `${inner()}[${draw.pick(['0', '-1', '1:', '::-1', '::0', '0:999999999', "'a'", inner()])}]`,
    () => `'a' * ${draw.pick(['3', '1000', '1000000000', '-1', '1.5'])}`,
    () =>
      draw.pick([
        'range(10000000000)',
        'range(100000000) | length',
        'strftime_now("%Y")',
        'namespace()',
        'dict(a=1)',
        'range(5) | list',
        'lipsum()',
        'cycler(1)',
        'messages.append(messages)',
      ]),
    () => `${'('.repeat(draw.pick([5, 3000]))}1${')'.repeat(5)}`,
    () => `${'not '.repeat(draw.pick([5, 3000]))}1`,
    () => `[${inner()}, ${inner()}]`,
  ])();
}
