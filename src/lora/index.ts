/**
 * LoRA: adapters on causal language models, the methods that train them, and PEFT's file format.
 *
 * @module bures/lora
 */
export type { AdapterLayout, AdapterStack, ParameterStack } from './adapter/adapter-layout.js';
export type { AdapterPoint, ModuleArrays } from './adapter/adapter-point.js';
export type { DropoutDraw } from './adapter/dropout.js';
export {
  type AdapterOrigin,
  type CreateAdapterOptions,
  createAdapter,
  LoraAdapter,
  type OverlayOptions,
} from './adapter/lora-adapter.js';
export { type MergedAdapter, type MergeOptions, mergeAdapter, mergeDefaults } from './adapter/merge.js';
export {
  type LoraBias,
  type LoraConfig,
  type LoraInitialization,
  loraBiases,
  loraDefaults,
  loraInitializations,
  type ResolvedLoraConfig,
} from './config/lora-config.js';
export { type BaloraOptions, balora, baloraDefaults } from './methods/balora.js';
export { dora } from './methods/dora.js';
export { lora } from './methods/lora.js';
export type { LoraMethod, OptimizerOptions, PairManifold } from './methods/lora-method.js';
export { type LoraMethodOptions, loraMethods } from './methods/lora-methods.js';
export { type LoraPlusOptions, loraPlus, loraPlusDefaults } from './methods/lora-plus.js';
export { olora } from './methods/olora.js';
export { pissa } from './methods/pissa.js';
export { rslora } from './methods/rslora.js';
export { type ScaledOptions, scaled, scaledDefaults } from './methods/scaled.js';
export { loadAdapter } from './peft/load-adapter.js';
export { peftScaling } from './peft/peft-scaling.js';
export { type SaveAdapterOptions, saveAdapter } from './peft/save-adapter.js';
export type { AdapterScaling, TargetModule } from './targets/target-modules.js';
export { LoraTrainer, trainer } from './training/trainer.js';
export type { TrainerOptions, TrainingStep } from './training/trainer-options.js';
export type { AdapterManifold } from './training/training-manifold.js';
export type { StepBatches } from './training/training-problem.js';
export type { SavedArray, TrainingState } from './training/training-state.js';
