/** tokenizer.json and the files beside it: what is accepted encodes and decodes texts. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { loadTokenizer } from '../../../src/models/index.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { Draw } from '../draw.js';
import type { FuzzClass } from '../fuzz-class.js';
import { jsonFixture, patterns } from './fixtures.js';

const texts = [
  '',
  'What is 463 * 886? 410218',
  '  two  spaces\n\n\tand a tab \r\n',
  'naïve 日本語 😀👩‍👩‍👧 é',
  `${'a'.repeat(40)}!`,
  '<|im_start|>user\nx<|im_end|>',
  ' '.repeat(3000),
  'word '.repeat(300),
];

/** The class. */
export const tokenizer: FuzzClass = {
  name: 'tokenizer',
  refusal: /^(loadTokenizer|encode|decode|decodeStream): /,
  async prepare() {
    const definitions = [
      jsonFixture('examples/models/tiny-math-base/tokenizer.json'),
      jsonFixture('test/fixtures/models/tiny-qwen2/tokenizer.json'),
    ];
    const beside = jsonFixture('test/fixtures/models/tiny-qwen2/tokenizer_config.json');
    return {
      write(draw, folder, damaged) {
        const sound = draw.pick(definitions);
        const definition = damaged && draw.chance(0.6) ? withOtherParts(draw, sound) : sound;
        const node = damaged && draw.chance(0.5) ? damageJson(draw, definition) : nodeOf(definition);
        const bytes = Buffer.from(jsonText(node));
        writeFileSync(path.join(folder, 'tokenizer.json'), damaged && draw.chance(0.05) ? damageBytes(draw, bytes) : bytes);
        const config = damaged && draw.chance(0.15) ? jsonText(damageJson(draw, beside)) : jsonText(nodeOf(beside));
        if (draw.chance(0.8)) writeFileSync(path.join(folder, 'tokenizer_config.json'), config);
        if (draw.chance(0.1))
          writeFileSync(
            path.join(folder, 'special_tokens_map.json'),
            jsonText(damaged ? damageJson(draw, { eos_token: '<|endoftext|>' }) : nodeOf({ eos_token: '<|endoftext|>' })),
          );
      },
      async use(folder, attempt) {
        const loaded = await attempt(() => loadTokenizer(folder));
        if (loaded === undefined) return;
        for (const text of texts) {
          const ids = await attempt(() => loaded.encode(text));
          if (ids === undefined) continue;
          await attempt(() => loaded.decode(ids));
          const stream = loaded.decodeStream();
          await attempt(
            () =>
              ids
                .slice(0, 50)
                .map((id) => stream.push(id))
                .join('') + stream.end(),
          );
        }
        await attempt(() =>
          loaded.decode([0, 1, 2, loaded.vocabularySize - 1, loaded.vocabularySize, 2 ** 31], { skipSpecialTokens: true }),
        );
      },
    };
  },
};

/** One or two parts exchanged for others of the kinds that the format has, some of them odd. */
function withOtherParts(draw: Draw, definition: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const text = (): string => draw.pick(['', ' ', '▁', 'a', '##', '</w>', 'Ġ', '\u0000', '😀', 'ab'.repeat(500)]);
  const pattern = (): unknown => draw.pick([{ String: text() }, { Regex: draw.pick(patterns) }, { Regex: '\\s+' }, text(), null]);
  const tokens = [
    ['<|endoftext|>', 0],
    ['<|im_end|>', 2],
    ['nothing', 9],
    ['', -1],
  ];
  const several = (part: () => unknown, key: string): unknown => ({ type: 'Sequence', [key]: draw.list(0, 3, part) });
  const normalizer = (depth = 0): unknown =>
    draw.pick([
      () => ({ type: draw.pick(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'Unknown']) }),
      () => ({ type: 'Replace', pattern: pattern(), content: text() }),
      () => ({ type: 'Prepend', prepend: text() }),
      () => ({ type: 'Strip', strip_left: draw.chance(0.5), strip_right: draw.chance(0.5) }),
      () => ({ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }),
      () => ({ type: 'Precompiled', precompiled_charsmap: text() }),
      () => (depth > 2 ? null : several(() => normalizer(depth + 1), 'normalizers')),
    ])();
  const preTokenizer = (depth = 0): unknown =>
    draw.pick([
      () => ({ type: draw.pick(['Whitespace', 'WhitespaceSplit', 'BertPreTokenizer', 'UnicodeScripts', 'Unknown']) }),
      () => ({ type: 'ByteLevel', add_prefix_space: draw.chance(0.5), use_regex: draw.chance(0.5) }),
      () => ({
        type: 'Split',
        pattern: pattern(),
        behavior: draw.pick(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous', 'Odd']),
        invert: draw.chance(0.3),
      }),
      () => ({
        type: 'Metaspace',
        replacement: text(),
        prepend_scheme: draw.pick(['always', 'first', 'never', 'x']),
        split: draw.chance(0.5),
      }),
      () => ({ type: 'Digits', individual_digits: draw.chance(0.5) }),
      () => ({ type: 'Punctuation', behavior: 'Isolated' }),
      () => ({ type: 'CharDelimiterSplit', delimiter: text() }),
      () => (depth > 2 ? null : several(() => preTokenizer(depth + 1), 'pretokenizers')),
    ])();
  const decoder = (depth = 0): unknown =>
    draw.pick([
      () => ({ type: draw.pick(['ByteLevel', 'ByteFallback', 'Fuse', 'Unknown']) }),
      () => ({ type: 'Metaspace', replacement: text(), prepend_scheme: 'always', split: true }),
      () => ({ type: 'Replace', pattern: pattern(), content: text() }),
      () => ({ type: 'Strip', content: text(), start: draw.pick([0, 1, -1, 1e9]), stop: draw.pick([0, 1, -1, 1e9]) }),
      () => ({ type: 'WordPiece', prefix: text(), cleanup: draw.chance(0.5) }),
      () => ({ type: 'BPEDecoder', suffix: text() }),
      () => ({ type: 'CTC', pad_token: text(), word_delimiter_token: text(), cleanup: true }),
      () => (depth > 2 ? null : several(() => decoder(depth + 1), 'decoders')),
    ])();
  const postProcessor = (): unknown =>
    draw.pick([
      () => ({ type: 'ByteLevel', trim_offsets: true }),
      () => ({ type: draw.pick(['BertProcessing', 'RobertaProcessing']), sep: draw.pick(tokens), cls: draw.pick(tokens) }),
      () => ({
        type: 'TemplateProcessing',
        single: draw.list(0, 3, () =>
          draw.pick([
            { Sequence: { id: 'A', type_id: 0 } },
            { SpecialToken: { id: draw.pick(['<|endoftext|>', 'x']), type_id: 0 } },
            {},
            null,
          ]),
        ),
        pair: [],
        special_tokens: draw.pick([{}, { '<|endoftext|>': { id: '<|endoftext|>', ids: [0], tokens: ['<|endoftext|>'] } }]),
      }),
      () => several(() => ({ type: 'ByteLevel' }), 'processors'),
    ])();
  const addedToken = (): unknown => ({
    id: draw.pick([0, 1, 5, 127, 1000, -1, 1.5, 2_147_483_648]),
    content: text(),
    single_word: false,
    lstrip: draw.chance(0.3),
    rstrip: draw.chance(0.3),
    normalized: draw.chance(0.5),
    special: draw.chance(0.5),
  });
  const vocabulary = { a: 0, b: 1, ' ': 2, ab: 3, '[UNK]': 4, '##b': 5, '▁': 6 };
  const model = (): unknown =>
    draw.pick([
      () => ({
        type: 'BPE',
        vocab: vocabulary,
        merges: draw.pick([['a b'], [['a', 'b']], ['a'], ['a b c'], [[]], [1]]),
        unk_token: draw.pick([null, '[UNK]', 'x']),
        byte_fallback: draw.chance(0.3),
        fuse_unk: draw.chance(0.3),
        continuing_subword_prefix: draw.pick([null, '##']),
        end_of_word_suffix: draw.pick([null, '</w>']),
      }),
      () => ({
        type: 'WordPiece',
        vocab: vocabulary,
        unk_token: draw.pick(['[UNK]', 'x']),
        continuing_subword_prefix: '##',
        max_input_chars_per_word: draw.pick([100, 0, -1]),
      }),
      () => ({
        type: 'Unigram',
        vocab: draw.pick([
          [
            ['a', -1],
            ['b', -2],
            ['▁', -3],
          ],
          [['', 0]],
          [['a', 'x']],
          [],
          [null],
        ]),
        unk_id: draw.pick([0, null, 9, -1]),
      }),
      () => ({ type: 'WordLevel', vocab: vocabulary, unk_token: '[UNK]' }),
    ])();
  const changes = draw.list(1, 2, () =>
    draw.pick([
      () => ({ normalizer: normalizer() }),
      () => ({ pre_tokenizer: preTokenizer() }),
      () => ({ decoder: decoder() }),
      () => ({ post_processor: postProcessor() }),
      () => ({ added_tokens: draw.list(1, 4, addedToken) }),
      () => ({ model: model() }),
    ])(),
  );
  return Object.assign({}, definition, ...changes) as Readonly<Record<string, unknown>>;
}
