/** Checks of a model's inputs, before anything is computed. */
import { DomainError, ShapeError } from '../core/errors.js';
import { checkPositiveInteger, describeValue } from '../core/options.js';
import { DEFAULT_IGNORED_LABEL } from '../nn/cross-entropy.js';
import type { TokenBatch } from './token-batch.js';

/** Limits that a batch is checked against. */
export interface TokenLimits {
  /** Tokens lie in 0 … vocabularySize − 1. */
  readonly vocabularySize: number;
  /** The longest sequence, in tokens. */
  readonly maxPositions: number;
}

/**
 * Checks a batch before anything is computed.
 *
 * @throws ShapeError if an array has not batch · length entries; DomainError if a token or label is outside the
 * vocabulary or a sequence past the position limit.
 */
export function checkTokenBatch(caller: string, batch: TokenBatch, { vocabularySize, maxPositions }: TokenLimits): void {
  checkPositiveInteger(caller, 'batch', batch.batch);
  checkPositiveInteger(caller, 'length', batch.length);
  const size = batch.batch * batch.length;
  for (const name of ['inputIds', 'attentionMask', 'segmentIds', 'labels'] as const) {
    const values = batch[name];
    if (values === undefined && name !== 'inputIds') continue;
    if (values?.length !== size) {
      const given = values === undefined ? describeValue(values) : `${values.length} entries`;
      throw new ShapeError(
        `${caller}: expected ${name} with batch · length = ${batch.batch} · ${batch.length} entries, got ${given}; pad all rows to one length`,
      );
    }
  }
  if (batch.length > maxPositions) {
    throw new DomainError(
      `${caller}: expected at most ${maxPositions} tokens, the model's position limit, got ${batch.length}; cut or split the sequence`,
    );
  }
  checkTokens(caller, 'inputIds', batch.inputIds, vocabularySize);
  if (batch.labels !== undefined) checkTokens(caller, 'labels', batch.labels, vocabularySize, DEFAULT_IGNORED_LABEL);
}

/**
 * Requires tokens of the vocabulary.
 *
 * @throws DomainError naming the first that is not.
 */
export function checkTokens(caller: string, name: string, tokens: ArrayLike<number>, vocabularySize: number, except?: number): void {
  for (let position = 0; position < tokens.length; position++) {
    const token = tokens[position];
    if ((Number.isInteger(token) && token >= 0 && token < vocabularySize) || token === except) continue;
    throw new DomainError(
      `${caller}: expected ${name} in 0 … ${vocabularySize - 1}, got ${token} at position ${position}; use this model's own tokenizer`,
    );
  }
}
