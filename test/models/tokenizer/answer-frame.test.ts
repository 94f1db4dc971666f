/** What chat templates write around an answer: the token that ends a turn, and white space, of published tokenizers. */

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chatTemplates, loadTokenizer } from 'bures/models';
import { describe, expect, it } from 'vitest';
import { loadRealTokenizer, type RealTokenizer } from '../../support/real-tokenizers.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const mistral =
  "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}";
const gemma =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = m.role %}{% endif %}{{ '<|im_start|>' + role + '\\n' + m.content | trim + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>model\\n' }}{% endif %}";
const plain =
  "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
const headers =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const thinking =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% if m.role == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const llama2 =
  "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content | trim + ' [/INST]' }}{% else %}{{ ' ' + m.content | trim + ' ' + eos_token }}{% endif %}{% endfor %}";
const instructed = `{% if messages[0].role != 'system' %}{{ raise_exception('no instruction') }}{% endif %}${chatTemplates.chatml}`;

const tiny = path.join(import.meta.dirname, '../../fixtures/models/tiny-qwen2');

const folder = temporaryFolder('gemma');

type Case = readonly [name: string, template: string | undefined, end: string | undefined, before: string, after: string];

const published: readonly (readonly [RealTokenizer, ...Case])[] = [
  ['qwen2_5', "Qwen's", undefined, '<|im_end|>', '', ''],
  ['llama3_1', "Llama 3's", undefined, '<|eot_id|>', '', ''],
  ['llama3_1', 'llama3 by name', chatTemplates.llama3, '<|eot_id|>', '', ''],
  ['mistral_nemo', "Mistral's", undefined, '</s>', '', ''],
  ['llama2', "Llama 2's", llama2, '</s>', ' ', ' '],
  ['gpt2', 'one without special tokens', plain, undefined, ' ', '\n'],
];

/** The vocabulary has three special tokens: <|endoftext|>, which ends texts, <|im_start|> and <|im_end|>. */
const made: readonly Case[] = [
  ['its own', undefined, '<|im_end|>', '', ''],
  ['chatml by name', 'chatml', '<|im_end|>', '', ''],
  ['zephyr by name', 'zephyr', '<|endoftext|>', '', ''],
  ["Mistral's, which refuses turns out of order", mistral, '<|endoftext|>', '', ''],
  ["Gemma's with tokens of this vocabulary", gemma, '<|im_end|>', '', ''],
  ['only headers of turns', headers, '<|im_start|>', '', '\n'],
  ['no special token', plain, undefined, ' ', '\n'],
  ['words before the answer', thinking, '<|im_end|>', '', ''],
  ['an instruction that is required', instructed, '<|im_end|>', '', ''],
  ['refusing everything', "{{ raise_exception('no') }}", undefined, '', ''],
];

describe('answerFrame finds what a template writes around an answer', () => {
  it.each(published)('%s: %s', async (name, _words, template, end, before, after) => {
    const tokenizer = await loadRealTokenizer(name, template);
    const frame = tokenizer.answerFrame();
    expect(frame).toEqual({ endIds: end === undefined ? [] : [tokenizer.tokenId(end)], before, after });
    expect(tokenizer.answerFrame()).toBe(frame);
  });

  it.each(made)('%s', async (_name, chatTemplate, end, before, after) => {
    const tokenizer = await loadTokenizer(tiny, chatTemplate === undefined ? {} : { chatTemplate });
    expect(tokenizer.answerFrame()).toEqual({ endIds: end === undefined ? [] : [tokenizer.tokenId(end)], before, after });
  });

  it("Gemma's, by name, with Gemma's tokens", async () => {
    cpSync(tiny, folder, { recursive: true });
    const file = path.join(folder, 'tokenizer.json');
    const definition = readFileSync(file, 'utf8').replaceAll('<|im_start|>', '<start_of_turn>').replaceAll('<|im_end|>', '<end_of_turn>');
    writeFileSync(file, definition);
    const tokenizer = await loadTokenizer(folder, { chatTemplate: 'gemma' });
    expect(tokenizer.answerFrame()).toEqual({ endIds: [tokenizer.tokenId('<end_of_turn>')], before: '', after: '' });
    expect(tokenizer.endIds).not.toContain(tokenizer.tokenId('<end_of_turn>'));
  });

  it('needs a template', async () => {
    const without = await loadTokenizer(path.join(import.meta.dirname, '../../../examples/models/tiny-math-base'));
    expect(() => without.answerFrame()).toThrow(
      /has no chat template; write one into chat_template\.jinja in its folder, or give one by chatTemplate .*--chat-template.*chatml/,
    );
  });
});

describe('a chat template that is given', () => {
  const messages = [
    { role: 'system', content: 'S' },
    { role: 'user', content: 'U' },
    { role: 'assistant', content: 'A' },
  ];

  it.each<[keyof typeof chatTemplates, string, string]>([
    ['chatml', '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n', 'A<|im_end|>\n'],
    [
      'llama3',
      '<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
      'A<|eot_id|>',
    ],
    ['gemma', '<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\n', 'A<end_of_turn>\n'],
    ['zephyr', '<|system|>\nS<|endoftext|>\n<|user|>\nU<|endoftext|>\n<|assistant|>\n', 'A<|endoftext|>\n'],
  ])('%s writes turns as its models expect them', async (name, prompt, answer) => {
    for (const chatTemplate of [name, chatTemplates[name]]) {
      const tokenizer = await loadTokenizer(tiny, { chatTemplate });
      expect(tokenizer.applyChatTemplate(messages.slice(0, 2), { addGenerationPrompt: true })).toBe(prompt);
      expect(tokenizer.applyChatTemplate(messages)).toBe(prompt + answer);
    }
  });

  it.each<[string, RegExp]>([
    ['chatml2', /loadTokenizer: chatTemplate must be the source .* or one of chatml, llama3, gemma, zephyr, got .*did you mean 'chatml'/],
    ['no template', /pass the text of the template itself/],
    ['{% if %}', /loadTokenizer: the chat template that was given must be a Jinja template/],
  ])('%j is refused', async (chatTemplate, message) => {
    await expect(loadTokenizer(tiny, { chatTemplate })).rejects.toThrow(message);
  });
});
