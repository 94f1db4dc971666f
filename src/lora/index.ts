/**
 * LoRA: adapters on causal language models, the methods that train them, and PEFT's file format.
 *
 * @module bures/lora
 */
export type { AdapterLayout, AdapterStack, ParameterStack } from './adapter/adapter-layout.js';
export type { AdapterPoint, ModuleArrays, StackPairs } from './adapter/adapter-point.js';
export { type CreateAdapterOptions, createAdapter } from './adapter/create-adapter.js';
export type { DropoutDraw, DropoutRows } from './adapter/dropout.js';
export { type AdapterOrigin, LoraAdapter, type OverlayOptions } from './adapter/lora-adapter.js';
export { type LoraBias, type LoraConfig, loraBiases, loraDefaults, type ResolvedLoraConfig } from './adapter/lora-config.js';
export { type ModuleMeasures, measureAdapter } from './adapter/measure-adapter.js';
export { type MergedAdapter, type MergeOptions, mergeAdapter, mergeDefaults } from './adapter/merge.js';
export {
  type CombineAdaptersOptions,
  type CombinedAdapter,
  type CombinedModule,
  combineAdapters,
  combineAdaptersDefaults,
} from './combine/combine-adapters.js';
export {
  type ResizeAdapterOptions,
  type ResizedAdapter,
  type ResizedModule,
  resizeAdapter,
  resizeAdapterDefaults,
} from './combine/resize-adapter.js';
export { type BaloraOptions, balora, baloraDefaults, matrixAdamDirection, momentBalancedDirection } from './methods/balora.js';
export { adamwDirection, momentumDirection, sgdDirection } from './methods/directions.js';
export { dora } from './methods/dora.js';
export { type GaloreMethodOptions, galore, galoreDirection, galoreMethodDefaults } from './methods/galore.js';
export { euclideanGeometry, lora } from './methods/lora.js';
export { type LoraGaOptions, loraGa, loraGaDefaults, loraGaStart } from './methods/lora-ga.js';
export type {
  BlockRates,
  LoraDirection,
  LoraGeometry,
  LoraMethod,
  LoraScaling,
  MethodLayout,
  MethodStack,
  OptimizerOptions,
  PairCoordinates,
  StackArrays,
  StackManifold,
} from './methods/lora-method.js';
export { checkMethod, loraScalings } from './methods/lora-method.js';
export {
  type LoraMethodOptions,
  loraDirections,
  loraMethodDefaults,
  loraMethods,
  loraStarts,
  named,
  namedDirection,
  namedStart,
} from './methods/lora-methods.js';
export { loraMuon, muonDirection } from './methods/lora-muon.js';
export { type LoraPlusOptions, loraPlus, loraPlusDefaults } from './methods/lora-plus.js';
export { type LoraProMethodOptions, loraPro, loraProDirection, loraProMethodDefaults } from './methods/lora-pro.js';
export { loraRite, riteDirection } from './methods/lora-rite.js';
export { type LoroOptions, loro, loroDefaults, loroDirection } from './methods/loro.js';
export { olora, oloraStart } from './methods/olora.js';
export { pissa, pissaStart } from './methods/pissa.js';
export { type RefloraOptions, reflora, refloraDefaults, refloraDirection } from './methods/reflora.js';
export { rslora } from './methods/rslora.js';
export { type ScaledOptions, scaled, scaledDefaults } from './methods/scaled.js';
export {
  compensatedStart,
  gaussianStart,
  kaimingStart,
  type LoraStart,
  randomStart,
  type StartContext,
  type TrainedArrays,
} from './methods/start.js';
export { orthonormalStart, type StellaOptions, stella, stellaDefaults } from './methods/stella.js';
export type { AdapterCard } from './peft/adapter-card.js';
export { adapterFiles } from './peft/adapter-files.js';
export { type AdapterStart, type AdapterStartOptions, adapterStart } from './peft/adapter-start.js';
export { type BalanceAdapterOptions, type BalancedModule, balanceAdapter, balanceAdapterDefaults } from './peft/balance-adapter.js';
export { type LoadAdapterOptions, loadAdapter } from './peft/load-adapter.js';
export { modelCardFile } from './peft/model-card.js';
export { type AdapterPair, type OpenAdapter, type OpenAdapterOptions, openAdapter } from './peft/open-adapter.js';
export { peftScaling } from './peft/peft-scaling.js';
export { type SaveAdapterOptions, type SavedAdapter, saveAdapter } from './peft/save-adapter.js';
export { type Truncation, trainedWeightsFile } from './peft/trained-weights.js';
export { type AdapterScaling, patternLookup, type TargetModule } from './targets/target-modules.js';
export { type LossSpectrum, type LossSpectrumOptions, lossSpectrum, lossSpectrumDefaults } from './training/loss-spectrum.js';
export type { SavedArray, TrainingState } from './training/saved-state.js';
export { LoraTrainer, trainer } from './training/trainer.js';
export type { TrainerOptions, TrainingStep } from './training/trainer-options.js';
export {
  type LoadTrainingStateOptions,
  loadTrainingState,
  type SavedTraining,
  type SaveTrainingStateOptions,
  saveTrainingState,
  trainingStateFiles,
} from './training/training-files.js';
export type { AdapterManifold } from './training/training-manifold.js';
export type { StepBatches } from './training/training-problem.js';
