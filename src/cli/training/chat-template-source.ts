/** The chat template of a command line or a configuration: a file, a well-known name, or the template itself. */
import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { readText } from '../../io/text/read-text.js';
import { chatTemplates } from '../../models/index.js';

/** Most bytes of a file with a template; those of real checkpoints have some twenty thousand. */
const mostBytes = 2 ** 16;

const names = Object.keys(chatTemplates);

/**
 * Returns the source of the template that a key names, for the run's record: the file may change or go.
 *
 * @throws ConfigError for a text that is neither a name, nor a template, nor a file.
 */
export async function chatTemplateSource(caller: string, given: string): Promise<string> {
  if (Object.hasOwn(chatTemplates, given)) return chatTemplates[given as keyof typeof chatTemplates];
  if (/\{[{%]/.test(given)) return given;
  if (!(await exists(given)))
    throw new ConfigError(
      `${caller}: expected a file with a Jinja template or one of ${names.join(', ')} for chatTemplate (--chat-template), got '${given}', which does not exist; check the path`,
    );
  const source = await readText(caller, path.resolve(given), mostBytes, 'give a shorter template');
  if (/\{[{%]/.test(source)) return source;
  throw new ConfigError(
    `${caller}: chatTemplate (--chat-template) must name a file with a Jinja template, but ${given} has no {{ or {% in it; check the path`,
  );
}
