/**
 * The only access to the internals of TensorFlow.js: its engine's state, its registries of backends, kernels and
 * gradients, and where its tensors lie. None of it is documented or promised. It is written against 4.22.0
 * of @tensorflow/tfjs-core, tfjs-backend-wasm, tfjs-backend-webgpu and tfjs-backend-cpu; a linter lets no other file
 * import these names.
 */
import {
  type DataId,
  type DataType,
  engine,
  type GradConfig,
  getBackend,
  getGradient,
  getKernel,
  type KernelBackend,
  type KernelConfig,
  type NamedAttrMap,
  registerGradient,
  registerKernel,
  type Tensor,
  type TensorInfo,
  unregisterKernel,
} from '@tensorflow/tfjs-core';

// ---- backends ----

/** Engine fields that say where operations run. `setBackend` would set them too, but sets up every kernel again. */
interface CurrentBackend {
  backendName: string;
  backendInstance: KernelBackend;
}

/** Returns a backend that has been started, as the library sees it. */
export function startedBackend<Backend = KernelBackend>(name: string): Backend {
  return engine().findBackend(name) as unknown as Backend;
}

/** Returns the backend on which operations run now. */
export function currentBackend<Backend>(): Backend {
  return engine().backend as unknown as Backend;
}

/** Runs a synchronous computation on a backend, whichever is the current one. */
export function onBackend<Result>(name: string, backend: KernelBackend, compute: () => Result): Result {
  const current = engine() as unknown as CurrentBackend;
  if (current.backendName === name) return compute();
  const { backendName, backendInstance } = current;
  Object.assign(current, { backendName: name, backendInstance: backend });
  try {
    return compute();
  } finally {
    Object.assign(current, { backendName, backendInstance });
  }
}

/** Returns the backend that holds a tensor's numbers. */
export function homeOf(tensor: Tensor): KernelBackend | undefined {
  return engine().state.tensorInfo.get(tensor.dataId)?.backend;
}

/** Returns the name under which a backend is registered. */
export function nameOfBackend(backend: KernelBackend | undefined): string | undefined {
  const { registry } = engine();
  return Object.keys(registry).find((name) => registry[name] === backend);
}

/** Suppresses the advertisement of tfjs-node that the first tensor of the cpu backend would print in Node.js. */
export function silenceCpu(): void {
  startedBackend<{ firstUse: boolean }>('cpu').firstUse = false;
}

/** Returns the bytes of all tensors that are alive. */
export function bytesOfTensors(): number {
  return engine().state.numBytes;
}

// ---- kernels and gradients ----

/** Returns the kernel of a backend; `undefined` if it has none, whatever TensorFlow.js's declaration says. */
export function kernelOf(name: string, backend: string = getBackend()): KernelConfig | undefined {
  return getKernel(name, backend) as KernelConfig | undefined;
}

/** Registers a kernel, in place of its backend's own if it has one. */
export function placeKernel(kernel: KernelConfig): void {
  const present = kernelOf(kernel.kernelName, kernel.backendName);
  if (present?.kernelFunc === kernel.kernelFunc) return;
  removeKernel(kernel);
  registerKernel(kernel);
}

/** Removes a kernel if it exists. */
function removeKernel({ kernelName, backendName }: Pick<KernelConfig, 'kernelName' | 'backendName'>): void {
  if (kernelOf(kernelName, backendName) !== undefined) unregisterKernel(kernelName, backendName);
}

/** Runs a kernel of the current backend. */
export function runKernel(name: string, inputs: Readonly<Record<string, Tensor>>, attrs: NamedAttrMap): readonly Tensor[] {
  const outputs: Tensor | Tensor[] = engine().runKernel(name, { ...inputs }, attrs);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** Registers the gradient of a kernel, for the whole process and every backend, unless there is one. */
export function registerMissingGradient(config: GradConfig): void {
  if ((getGradient(config.kernelName) as GradConfig | undefined) === undefined) registerGradient(config);
}

/** Puts a gradient in the place of the one that is registered, if there is one. */
export function placeGradient(config: GradConfig): void {
  registerGradient(config);
}

// ---- tensors ----

/** Makes a tensor of a kernel's result. */
export function tensorOf(info: { readonly dataId: DataId; readonly shape: number[]; readonly dtype: DataType }): Tensor {
  return engine().makeTensorFromTensorInfo(info);
}

/** The part of the wasm backend that says where its tensors lie. */
export interface HeapTable {
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number } };
}

/** Returns the offset of a tensor's first number on the wasm heap, in bytes. */
export function offsetOf(backend: HeapTable, tensor: TensorInfo): number {
  return backend.dataIdMap.get(tensor.dataId).memoryOffset;
}

/** Returns the module of the wasm backend; `undefined` if that backend has not been started. */
export function wasmModule<Module>(): Module | undefined {
  const { wasm } = (engine().registry.wasm ?? {}) as { readonly wasm?: Module };
  return wasm;
}

// ---- scopes: TensorFlow.js frees what `tidy` allocated by a stack of them ----

/** An entry of the stack. Tensors are pushed onto `track` as they are allocated. */
export type EngineScope = ReturnType<typeof engine>['state']['activeScope'];

/** Puts a scope below all others: what is allocated outside `tidy` lands there. */
export function placeBottomScope(bottom: EngineScope): void {
  const { state } = engine();
  state.scopeStack.unshift(bottom);
  state.activeScope ??= bottom;
}

/** Removes the bottom scope again. */
export function removeBottomScope(bottom: EngineScope): void {
  const { state } = engine();
  const place = state.scopeStack.indexOf(bottom);
  if (place >= 0) state.scopeStack.splice(place, 1);
  if (state.activeScope === bottom) (state as { activeScope: EngineScope | null }).activeScope = null;
}

/**
 * Runs a synchronous computation in a scope of its own.
 *
 * @param receive - receives what it allocated outside any `tidy` of its own.
 */
export function inScope<Result>(name: string, compute: () => Result, receive: (tensors: readonly Tensor[]) => void): Result {
  engine().startScope(name);
  try {
    return compute();
  } finally {
    receive(engine().state.activeScope.track.splice(0));
    engine().endScope();
  }
}

/** Hands tensors to the innermost scope, if there is one. */
export function passToScope(tensors: Iterable<Tensor>): void {
  const { activeScope } = engine().state as { readonly activeScope: EngineScope | null };
  if (activeScope === null) return;
  for (const tensor of tensors) {
    tensor.scopeId = activeScope.id;
    activeScope.track.push(tensor);
  }
}

// ---- tapes ----

/** An operation that ran: its inputs, outputs, what it saved, and its gradient. */
export type TapeNode = ReturnType<typeof engine>['state']['activeTape'][number];

/** Runs a computation and writes its operations on a tape. */
export function onTape<Result>(tape: TapeNode[], compute: () => Result): Result {
  const { state } = engine();
  const outer = state.activeTape;
  state.activeTape = tape;
  state.gradientDepth++;
  try {
    return compute();
  } finally {
    state.activeTape = outer;
    state.gradientDepth--;
  }
}
