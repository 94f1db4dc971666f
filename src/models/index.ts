/**
 * Causal language models on TensorFlow.js, and their checkpoints: tensors in safetensors files.
 *
 * @module bures/models
 */

export { QUANTIZATIONS, type Quantization } from '../linalg/tensor/quantized/quantize.js';
export {
  type CausalLM,
  type ForwardOptions,
  type GenerateOptions,
  type LossAndGradient,
  type LossAndGradientOptions,
  type ParameterInfo,
  type QuantizationInfo,
  RECOMPUTE_ABOVE_BYTES,
  type TokenLoss,
} from './causal-lm.js';
export type { CausalLMConfig } from './causal-lm-config.js';
export { type CopyModelOptions, type CopyProgress, copyModel } from './copy-model.js';
export {
  type BatchPlan,
  type BatchStream,
  type BatchStreamOptions,
  type BatchStreamState,
  batchStream,
  batchStreamDefaults,
} from './datasets/batch-stream.js';
export type { TrainOn } from './datasets/chat-parts.js';
export { type CollateOptions, collateRows } from './datasets/collate-rows.js';
export type { WeightedRows } from './datasets/plan-epoch.js';
export { type Dataset, type ReadDatasetOptions, readDataset, readDatasetDefaults } from './datasets/read-dataset.js';
export type { TokenRow } from './datasets/token-row.js';
export { type DownloadedModel, type DownloadModelOptions, downloadModel } from './download-model.js';
export { type GeneratedText, type GenerateTextOptions, generateText } from './generate-text.js';
export { type LoadCausalLMOptions, loadCausalLM } from './load-causal-lm.js';
export type { WeightPlace } from './load-weights.js';
export type { StepSize } from './memory-need.js';
export { type ModelMemory, type ModelMemoryOptions, modelMemory, modelMemoryDefaults, type WeightMemory } from './model-memory.js';
export type { AdapterCall, ChosenTokens, EmbeddingCall, LinearModule, LowRankTerm, ModelOverlay, ModuleAdapter } from './model-overlay.js';
export { nonFiniteError } from './non-finite.js';
export {
  type ExactMatchesOptions,
  exactMatches,
  type MeanLoss,
  type MeanLossOptions,
  meanLoss,
  meanLossDefaults,
} from './score-rows.js';
export type { TokenBatch } from './token-batch.js';
export { chatTemplates } from './tokenizer/known-templates.js';
export { type LoadTokenizerOptions, loadTokenizer, tokenizerDefaults } from './tokenizer/load-tokenizer.js';
export type {
  AnswerFrame,
  ChatMessage,
  ChatTemplateOptions,
  DecodeOptions,
  DecodeStream,
  EncodeOptions,
  SpecialToken,
  SpecialTokens,
  TextPart,
  Tokenizer,
} from './tokenizer/tokenizer.js';
