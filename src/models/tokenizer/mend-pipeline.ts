/** What `@huggingface/tokenizers` 0.2.0 does in another way than Python's tokenizers, mended in place. */

/** A part of the library's tokenizer, as far as it is mended. */
interface PipelinePart {
  readonly tokenizers?: readonly PipelinePart[];
  readonly decoders?: readonly PipelinePart[];
  readonly byte_encoder?: unknown;
  readonly config?: { readonly type?: unknown };
  pattern?: RegExp;
  decode_chain?: (tokens: readonly string[]) => readonly string[];
}

/** Tokens that stand for single bytes. */
export const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;

/** Mends a tokenizer of the library. */
export function mendPipeline({ pre_tokenizer, decoder }: { readonly pre_tokenizer: unknown; readonly decoder: unknown }): void {
  if (pre_tokenizer !== null) mendSpaces(pre_tokenizer as PipelinePart);
  if (decoder !== null) mendBytes(decoder as PipelinePart);
}

/**
 * Mends white space in the pattern that is built in for byte-level tokenizers: JavaScript's `\s` has U+FEFF and lacks
 * U+0085. The library itself mends the patterns of files only.
 */
function mendSpaces(part: PipelinePart): void {
  for (const inner of part.tokenizers ?? []) mendSpaces(inner);
  if (part.byte_encoder === undefined || part.pattern === undefined) return;
  const source = part.pattern.source.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
  part.pattern = new RegExp(source, part.pattern.flags);
}

/** Mends runs of bytes that are not UTF-8: each byte becomes a replacement character, and none is a character. */
function mendBytes(part: PipelinePart): void {
  for (const inner of part.decoders ?? []) mendBytes(inner);
  if (part.config?.type === 'ByteFallback') part.decode_chain = joinBytes;
}

function joinBytes(tokens: readonly string[]): readonly string[] {
  const joined: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length > 0) joined.push(textOf(run));
    run = [];
  };
  for (const token of tokens) {
    const byte = byteToken.exec(token);
    if (byte === null) {
      flush();
      joined.push(token);
    } else run.push(Number.parseInt(byte[1], 16));
  }
  flush();
  return joined;
}

function textOf(bytes: readonly number[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return '\uFFFD'.repeat(bytes.length);
  }
}
