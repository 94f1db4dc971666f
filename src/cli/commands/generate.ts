import { z } from 'zod';
import { defineCommand } from '../command.js';
import { count, text } from '../config/keys.js';
import { modelKeys, openModel } from '../training/open-model.js';

/** The command `bures generate`, which continues a prompt. */
export const generate = defineCommand({
  summary: 'Continues a prompt with a model, alone or with an adapter; the text appears as it is generated.',
  details:
    'With --chat the prompt becomes a message in the chat template of the model. Without --temperature the likeliest token is taken each time.',
  positionals: [
    {
      name: 'RUN|ADAPTER|MODEL',
      description: 'folder of a run (its best checkpoint), of an adapter, or of a model; or OWNER/NAME of a model on the hub',
    },
  ],
  schema: z.strictObject({
    prompt: text.describe('text to continue'),
    chat: z.boolean().default(false).describe('treat the prompt as a message to answer'),
    maxTokens: count(1).default(256).describe('largest number of tokens to generate'),
    temperature: z
      .number()
      .min(0)
      .default(0)
      .describe('temperature of the sampling; 0 takes the likeliest token')
      .meta({ placeholder: 'T' }),
    topK: count(1).optional().describe('sample among the K likeliest tokens').meta({ placeholder: 'K' }),
    topP: z
      .number()
      .min(0)
      .optional()
      .describe('sample among the likeliest tokens whose probabilities add up to P')
      .meta({ placeholder: 'P' }),
    seed: count(0).default(0).describe('seed of the draws'),
    ...modelKeys,
  }),
  async run({ positionals: [location], values, terminal, json }) {
    const { prompt, chat, maxTokens: maxNewTokens, temperature, topK, topP, seed } = values;
    const open = await openModel('generate', location, values, terminal);
    try {
      const { model, tokenizer } = open;
      const written = chat ? tokenizer.applyChatTemplate([{ role: 'user', content: prompt }], { addGenerationPrompt: true }) : prompt;
      const ids = tokenizer.encode(written, { addSpecialTokens: !chat });
      const limits = { maxNewTokens, temperature, seed, ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) };
      const stream = tokenizer.decodeStream({ skipSpecialTokens: true });
      let text = '';
      let tokens = 0;
      const show = (piece: string): void => {
        text += piece;
        if (!json) terminal.result(piece);
      };
      await open.withOverlay(async ({ overlay }) => {
        const options = { ...limits, stopTokens: tokenizer.endIds, ...(overlay === undefined ? {} : { overlay }) };
        for await (const id of model.generate(ids, options)) {
          tokens++;
          show(stream.push(id));
        }
      });
      show(stream.end());
      // The text shown so far ends without a line break.
      return { data: { prompt, completion: text, tokens }, text: '\n' };
    } finally {
      open.dispose();
    }
  },
});
