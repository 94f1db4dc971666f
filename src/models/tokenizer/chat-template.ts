/** Chat templates: Jinja programs that come with a checkpoint. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Template } from '@huggingface/jinja';
import { DomainError, FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { decodeUtf8, isJsonObject, type JsonObject } from '../../core/parse-json.js';

/** Renders a conversation with the variables that a template sees. */
export type ChatTemplate = (variables: Readonly<Record<string, unknown>>) => string;

/**
 * Finds the chat template of a directory: `chat_template.jinja` or, failing that, `chat_template` in tokenizer_config.json, of which, where it lists several,
 * the one named `default`.
 *
 * @returns the template, or undefined if there is none.
 * @throws FormatError if it is no Jinja that can be parsed.
 */
export async function readChatTemplate(caller: string, directory: string, config: JsonObject): Promise<ChatTemplate | undefined> {
  const file = path.join(directory, 'chat_template.jinja');
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new FormatError(`${caller}: cannot read ${file} (${cause.message}); check the file`, { cause });
  });
  if (bytes !== undefined) return compile(caller, file, decodeUtf8(caller, file, bytes));
  const where = `chat_template in ${path.join(directory, 'tokenizer_config.json')}`;
  const source = defaultTemplate(config.chat_template);
  if (source === undefined || source === null) return undefined;
  if (typeof source === 'string') return compile(caller, where, source);
  throw new FormatError(`${caller}: ${where} must be a template or a list of them with one named 'default', got ${describeValue(source)}`);
}

function defaultTemplate(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const named: unknown = value.find((entry) => isJsonObject(entry) && entry.name === 'default');
  return isJsonObject(named) ? named.template : value;
}

function compile(caller: string, where: string, source: string): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw new FormatError(`${caller}: ${where} must be a Jinja template, got: ${(cause as Error).message}; check the file`, { cause });
  }
  return (variables) => {
    try {
      return template.render({ ...variables });
    } catch (cause) {
      throw new DomainError(
        `applyChatTemplate: ${where} refuses the conversation: ${(cause as Error).message}; give the messages as it expects them`,
        {
          cause,
        },
      );
    }
  };
}
