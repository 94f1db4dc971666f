import { z } from 'zod';
import { ConfigError, DomainError } from '../../core/errors.js';
import { generateText } from '../../models/index.js';
import { Conversation } from '../chat/conversation.js';
import { type ChatInput, openInput } from '../chat/lines.js';
import { defineCommand, UsageError } from '../command.js';
import { chatTemplateOfRunKey } from '../config/data-keys.js';
import { text } from '../config/keys.js';
import { type Terminal, visible } from '../terminal.js';
import { modelKeys, type OpenModel, openModel } from '../training/open-model.js';
import { type SamplingValues, samplingKeys, samplingOptions } from '../training/sampling-keys.js';

const help = [
  '/clear          begin anew',
  '/system TEXT    give the model an instruction, and begin anew; without TEXT take it away',
  '/retry          answer the last message again, with other draws',
  '/undo           take the last message and its answer back',
  '/bye            end (also Ctrl-D)',
  'Ctrl-C stops an answer. A line that ends with \\ goes on in the next one.',
].join('\n');

/** The command `bures chat`, a conversation with a model. */
export const chat = defineCommand({
  summary: 'Talks with a model, alone or with an adapter, in its chat template; answers appear as they are generated.',
  details: `Each line is a message; piped in, they are answered one after another. Lines that begin with / are commands:\n\n${help}`,
  positionals: [
    {
      name: 'RUN|ADAPTER|MODEL',
      description: 'folder of a run (its best checkpoint), of an adapter, or of a model; or OWNER/NAME of a model on the hub',
    },
  ],
  schema: z.strictObject({
    system: text.optional().describe('instruction to the model that stands before the conversation'),
    chatTemplate: chatTemplateOfRunKey,
    ...samplingKeys,
    ...modelKeys,
  }),
  async run({ positionals: [location], values, terminal, json }) {
    if (terminal.input === undefined)
      throw new UsageError('bures chat: there is no standard input to read messages from; start it in a terminal, or pipe them in');
    // Checked before the model is loaded.
    samplingOptions('chat', values);
    const open = await openModel('chat', location, values, terminal);
    const input = openInput(terminal.input);
    try {
      if (!open.tokenizer.hasChatTemplate)
        throw new ConfigError(
          `chat: expected a model with a chat template, but ${open.base} has none; give one with --chat-template (a file, or a name such as chatml) or as chat_template.jinja in the model's folder, or continue plain text with bures generate`,
        );
      const conversation = new Conversation(open.tokenizer, values.system);
      if (terminal.input.isTTY === true)
        terminal.notice(`${open.base}${open.adapterFolder === undefined ? '' : ' with an adapter'}: /help lists the commands, /bye ends`);
      await converse(conversation, { open, values, input, terminal, json });
      return { data: { messages: conversation.messages }, text: '' };
    } finally {
      input.close();
      open.dispose();
    }
  },
});

interface Setting {
  readonly open: OpenModel;
  readonly values: SamplingValues;
  readonly input: ChatInput;
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** Takes messages and commands until the input ends. */
async function converse(conversation: Conversation, setting: Setting): Promise<void> {
  const { input, terminal } = setting;
  let draws = 0;
  for (;;) {
    let pressed = false;
    let leave = (): void => undefined;
    const left = new Promise<undefined>((resolve) => {
      leave = () => resolve(undefined);
    });
    input.onInterrupt(() => {
      if (pressed) return leave();
      pressed = true;
      terminal.notice('\n(Ctrl-C again, or /bye, ends the conversation)');
      input.again();
    });
    const line = await Promise.race([input.ask('> '), left]);
    if (line === undefined) return;
    const [command, ...words] = line.trim().split(/\s+/);
    let message: string | undefined = line;
    if (command === '') continue;
    if (command.startsWith('/')) {
      if (command === '/bye' || command === '/exit' || command === '/quit') return;
      message = command === '/retry' ? conversation.takeBack() : undefined;
      if (command === '/retry' && message === undefined) terminal.notice('(there is no message to answer again)');
      else if (command === '/retry') draws++;
      else if (command === '/clear') {
        conversation.clear();
        terminal.notice('(begun anew)');
      } else if (command === '/system') {
        const instruction = line.trim().slice(command.length).trim();
        conversation.setSystem(instruction);
        terminal.notice(`(begun anew, ${instruction === '' ? 'without an' : 'with this'} instruction)`);
      } else if (command === '/undo')
        terminal.notice(conversation.takeBack() === undefined ? '(there is no message to take back)' : '(taken back)');
      else terminal.notice(command === '/help' ? help : `(there is no command ${[command, ...words].join(' ')})\n${help}`);
    }
    if (message !== undefined)
      await answer(conversation, message, { ...setting, values: { ...setting.values, seed: setting.values.seed + draws } });
  }
}

/** Answers a message. Ctrl-C ends the answer, of which the conversation keeps what was shown. */
async function answer(conversation: Conversation, message: string, { open, values, input, terminal, json }: Setting): Promise<void> {
  const { model, tokenizer } = open;
  conversation.add('user', message);
  let shown = '';
  const stop = new AbortController();
  input.onInterrupt(() => stop.abort());
  try {
    const { text: prompt, left } = conversation.prompt(model.config.maxPositions, values.maxTokens);
    if (left > 0)
      terminal.notice(`(the first ${left} ${left === 1 ? 'message is' : 'messages are'} beyond what the model can read, and left out)`);
    await open.withOverlay(async (overlay) => {
      const options = { ...samplingOptions('chat', values), addSpecialTokens: false, endOfTurn: true, signal: stop.signal, ...overlay };
      for await (const piece of generateText(model, tokenizer, prompt, options)) {
        shown += piece;
        if (!json) terminal.result(visible(piece));
      }
    });
    if (!json) terminal.result('\n');
  } catch (error) {
    // A template may refuse a message, such as a system message: the conversation goes on without it.
    if (error instanceof ConfigError || error instanceof DomainError) {
      conversation.takeBack();
      terminal.notice(`(${error.message})`);
      return;
    }
    if (!stop.signal.aborted) throw error;
    terminal.notice('\n(stopped)');
  }
  conversation.add('assistant', shown);
}
