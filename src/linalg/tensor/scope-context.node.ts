import { AsyncLocalStorage } from 'node:async_hooks';
import type { ScopeContext } from './scope-context.js';

/** Makes a context that every asynchronous computation has for itself, however they take turns. */
export function createScopeContext<Scope>(): ScopeContext<Scope> {
  const storage = new AsyncLocalStorage<Scope>();
  const current = (): Scope | undefined => storage.getStore();
  return { current, owner: current, run: (scope, compute) => storage.run(scope, compute) };
}
