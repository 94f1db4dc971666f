import { z } from 'zod';
import { generateText } from '../../models/index.js';
import { defineCommand } from '../command.js';
import { chatTemplateOfRunKey, columnKeys } from '../config/data-keys.js';
import { text } from '../config/keys.js';
import { visible } from '../terminal.js';
import { modelKeys, openModel } from '../training/open-model.js';
import { readPrompts } from '../training/prompts.js';
import { samplingKeys, samplingOptions } from '../training/sampling-keys.js';

/** The command `bures generate`, which continues prompts. */
export const generate = defineCommand({
  summary: 'Continues a prompt with a model, alone or with an adapter; the text appears as it is generated.',
  details: [
    'Without --prompt and --prompts the prompt is what is piped in, just as it is: echo adds a line end, printf %s none. Give --prompt several times, or a file with --prompts, for several prompts.',
    'With --chat a prompt becomes a message in the chat template of the model, without a last line end that is piped in, and the answer ends with its turn.',
    'Without --temperature the likeliest token is taken each time.',
  ].join('\n'),
  positionals: [
    {
      name: 'RUN|ADAPTER|MODEL',
      description: 'folder of a run (its best checkpoint), of an adapter, or of a model; or OWNER/NAME of a model on the hub',
    },
  ],
  schema: z.strictObject({
    prompt: z
      .array(text)
      .min(1)
      .optional()
      .describe('text to continue; the flag can be given several times')
      .meta({ placeholder: 'TEXT', repeats: true }),
    prompts: text
      .optional()
      .describe(
        'file of prompts, each continued by itself: one a line, or rows with prompt or messages (JSON lines, a JSON list, CSV, TSV, Parquet), whose prompts may have line ends; - reads lines from the standard input',
      )
      .meta({ placeholder: 'FILE' }),
    promptColumn: columnKeys.promptColumn.describe('column of the prompts in --prompts (default: prompt)'),
    messagesColumn: columnKeys.messagesColumn.describe('column of the conversations in --prompts (default: messages)'),
    chat: z.boolean().default(false).describe('treat a prompt as a message to answer'),
    chatTemplate: chatTemplateOfRunKey,
    ...samplingKeys,
    ...modelKeys,
  }),
  async run({ positionals: [location], values, terminal, json }) {
    const { prompts, several } = await readPrompts('generate', values, terminal.input);
    const sampling = samplingOptions('generate', values);
    const open = await openModel('generate', location, values, terminal);
    try {
      const { model, tokenizer } = open;
      const results: { prompt: unknown; completion: string; tokens: number; finish: string }[] = [];
      for (const [index, prompt] of prompts.entries()) {
        const isText = typeof prompt === 'string';
        const isChat = values.chat || !isText;
        const turns = isText ? [{ role: 'user', content: prompt }] : prompt;
        const written = isChat ? tokenizer.applyChatTemplate(turns, { addGenerationPrompt: true }) : (prompt as string);
        if (several) terminal.notice(`[${index + 1}/${prompts.length}] ${isText ? prompt : turns[turns.length - 1].content}`);
        let completion = '';
        const { tokens, finish } = await open.withOverlay(async (overlay) => {
          const pieces = generateText(model, tokenizer, written, {
            ...sampling,
            addSpecialTokens: !isChat,
            endOfTurn: isChat,
            ...overlay,
          });
          for (;;) {
            const { done, value } = await pieces.next();
            if (done) return value;
            completion += value;
            if (!json) terminal.result(terminal.showsResults === true ? visible(value) : value);
          }
        });
        // The text shown so far ends without a line break.
        if (!json && several) terminal.result('\n');
        results.push({ prompt, completion, tokens, finish });
      }
      return { data: several ? results : results[0], text: several ? '' : '\n' };
    } finally {
      open.dispose();
    }
  },
});
