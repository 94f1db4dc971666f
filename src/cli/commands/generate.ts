import { defineCommand } from '../command.js';
import { modelFlags, openModel } from '../training/open-model.js';
import { UsageError } from '../usage-error.js';

/** The command `bures generate`, which continues a prompt. */
export const generate = defineCommand({
  summary: 'Continues a prompt with a model, alone or with an adapter; the text appears as it is generated.',
  details:
    '--chat writes the prompt as a message in the template of the model. Without --temperature the likeliest token is taken each time.',
  positionals: [{ name: 'RUN|ADAPTER|MODEL', description: 'folder of a run (its best checkpoint), of an adapter, or of a model' }],
  flags: {
    prompt: { kind: 'text', placeholder: 'TEXT', description: 'what to continue (required)' },
    chat: { kind: 'switch', description: 'the prompt is a message to answer' },
    'max-tokens': { kind: 'number', placeholder: 'N', integer: true, min: 1, description: 'tokens to generate at most (default 256)' },
    temperature: { kind: 'number', placeholder: 'T', min: 0, description: 'how freely to sample; 0 not at all (default 0)' },
    'top-k': { kind: 'number', placeholder: 'K', integer: true, min: 1, description: 'sample among the K likeliest tokens' },
    'top-p': {
      kind: 'number',
      placeholder: 'P',
      min: 0,
      description: 'sample among the likeliest tokens that have this probability together',
    },
    seed: { kind: 'number', placeholder: 'N', integer: true, min: 0, description: 'seed of the draws (default 0)' },
    ...modelFlags,
  },
  async run({ positionals: [location], flags, terminal, json }) {
    const { prompt, chat, 'max-tokens': maxNewTokens = 256, temperature = 0, 'top-k': topK, 'top-p': topP, seed = 0 } = flags;
    if (prompt === undefined) throw new UsageError('bures generate: --prompt TEXT is missing; say what to continue');
    const open = await openModel('generate', location, flags);
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
