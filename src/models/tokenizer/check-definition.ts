import { z } from 'zod';
import { FormatError, NotImplementedError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject } from '../../io/parse-json.js';
import { describeRisk } from './split-patterns.js';

/**
 * The largest token id. The library makes a list as long as the largest one; vocabularies have some hundred thousand.
 */
const MOST_ID = 2 ** 24;
/** Most characters of a token. The library compares tokens with the text at each of its places. */
const MOST_TOKEN = 4096;
/** Most normalizers, pre-tokenizers, decoders and the like, nested ones included. */
const MOST_PARTS = 256;

const id = z.int().min(0).max(MOST_ID);
const text = z.string();
const character = z.string().refine((value) => [...value].length === 1, { message: 'must be one character' });
const token = z.string().max(MOST_TOKEN);

const addedToken = z.looseObject({
  id,
  content: token.min(1),
  single_word: z.boolean().optional(),
  lstrip: z.boolean().optional(),
  rstrip: z.boolean().optional(),
  special: z.boolean().optional(),
  normalized: z.boolean().optional(),
});

const templateItem = z.union([
  z.looseObject({ SpecialToken: z.looseObject({ id: text, type_id: z.int() }) }),
  z.looseObject({ Sequence: z.looseObject({ id: z.enum(['A', 'B']), type_id: z.int() }) }),
]);

/** Required contents of the parts of a pipeline, by their type; other types need nothing. */
const parts: Readonly<Record<string, z.ZodType>> = {
  Metaspace: z.looseObject({ replacement: character.optional(), str_rep: text.nullish(), prepend_scheme: text.optional() }),
  FixedLength: z.looseObject({ length: z.int().min(1) }),
  Prepend: z.looseObject({ prepend: text.max(MOST_TOKEN) }),
  Replace: z.looseObject({
    content: text.max(16).optional(),
    pattern: z.union([z.object({ String: token.min(1) }), z.object({ Regex: text })]),
  }),
  Split: z.looseObject({ pattern: z.union([z.object({ String: token.min(1) }), z.object({ Regex: text })]), behavior: text.optional() }),
  BPEDecoder: z.looseObject({ suffix: text.min(1).optional() }),
  CTC: z.looseObject({ pad_token: text.min(1), word_delimiter_token: text.min(1) }),
  WordPiece: z.looseObject({ prefix: text.optional(), cleanup: z.boolean().optional() }),
  TemplateProcessing: z.looseObject({ single: z.array(templateItem), pair: z.array(templateItem).optional() }),
  BertProcessing: z.looseObject({ sep: z.tuple([text, id]), cls: z.tuple([text, id]) }),
  RobertaProcessing: z.looseObject({ sep: z.tuple([text, id]), cls: z.tuple([text, id]) }),
};

const model = z.looseObject({
  type: text.optional(),
  vocab: z.union([
    z.record(token, id),
    z
      .array(z.tuple([token, z.number()]))
      .min(1)
      .max(MOST_ID),
  ]),
  merges: z.array(z.union([token, z.tuple([token, token])])).optional(),
  unk_token: token.nullish(),
  unk_id: id.nullish(),
  max_input_chars_per_word: z.int().min(1).max(1000).optional(),
  continuing_subword_prefix: text.nullish(),
  end_of_word_suffix: text.nullish(),
});

const definitionSchema = z.looseObject({
  model,
  added_tokens: z.array(addedToken),
  normalizer: z.looseObject({ type: text }).nullable(),
  pre_tokenizer: z.looseObject({ type: text }).nullable(),
  post_processor: z.looseObject({ type: text }).nullable(),
  decoder: z.looseObject({ type: text }).nullable(),
});

/**
 * Checks tokenizer.json, so that the library that encodes neither hangs nor throws errors of its own.
 *
 * @param file - for messages.
 * @throws FormatError naming the place that is malformed or out of bounds; NotImplementedError for regular expressions
 * whose time may grow exponentially with the text.
 */
export function checkDefinition(caller: string, file: string, definition: JsonObject): void {
  check(caller, file, '', definitionSchema, definition);
  let count = 0;
  const visit = (path: string, part: unknown): void => {
    if (Array.isArray(part)) for (const [index, each] of part.entries()) visit(`${path}[${index}]`, each);
    if (!isJsonObject(part)) return;
    count += 1;
    if (count > MOST_PARTS)
      throw new FormatError(`${caller}: ${file} must have at most ${MOST_PARTS} parts of its pipeline; fetch it again`);
    if (typeof part.type === 'string' && Object.hasOwn(parts, part.type)) check(caller, file, path, parts[part.type], part);
    checkRegex(caller, file, path, part.pattern);
    for (const key of ['normalizers', 'pretokenizers', 'decoders', 'processors']) {
      const inner = part[key];
      if (inner === undefined) continue;
      if (!Array.isArray(inner) || !inner.every((each) => isJsonObject(each) && typeof each.type === 'string')) {
        throw new FormatError(`${caller}: ${file}: ${path}.${key} must be a list of parts with a type; fetch it again`);
      }
      visit(`${path}.${key}`, inner);
    }
  };
  for (const key of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) visit(key, definition[key]);
}

function check(caller: string, file: string, path: string, schema: z.ZodType, value: unknown): void {
  const { error } = schema.safeParse(value);
  if (error === undefined) return;
  const [issue] = error.issues;
  const place = [path, ...issue.path.map(String)]
    .filter((part) => part !== '')
    .join('.')
    .slice(0, 200);
  throw new FormatError(
    `${caller}: ${file} must hold a tokenizer of Hugging Face's format, but ${place} ${expectationOf(issue, value)}; fetch it again`,
  );
}

/** Names of kinds of values in messages. */
const kinds: Readonly<Record<string, string>> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
};

/** Describes what a place must be, and what is there. */
function expectationOf(issue: z.core.$ZodIssue, value: unknown): string {
  const came = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
  if (issue.code === 'invalid_type' && came === undefined)
    return `is missing, and must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
  return `${requirementOf(issue)}, got ${describeValue(came)}`;
}

function requirementOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
  if (issue.code === 'invalid_value') return `must be ${issue.values.map((value) => describeValue(value)).join(' or ')}`;
  if (issue.code === 'invalid_union') return 'must have one of the forms of the format';
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const [side, bound] = issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum];
    if (issue.origin === 'string') return `must have ${side} ${bound} characters`;
    return issue.origin === 'array' ? `must have ${side} ${bound} entries` : `must be ${side} ${bound}`;
  }
  if (issue.code === 'invalid_key') return 'must have shorter keys';
  return issue.code === 'custom' ? issue.message : 'must be as the format has it';
}

function checkRegex(caller: string, file: string, path: string, pattern: unknown): void {
  if (!isJsonObject(pattern) || typeof pattern.Regex !== 'string') return;
  const risk = describeRisk(pattern.Regex);
  if (risk === undefined) return;
  throw new NotImplementedError(
    `${caller}: ${file}: the pattern of ${path} ${risk}, so that a text may take for ever to split; use a tokenizer with another pattern`,
  );
}
