/** The page's side of the worker: requests with answers, and what it tells unasked. */
import type { Answers, Posted, Request, Told } from './protocol.js';

/** Requests of a kind, answered by the worker. */
export interface Client {
  ask<Kind extends Request['kind']>(request: Extract<Request, { readonly kind: Kind }>): Promise<Answers[Kind]>;
}

/** Starts the worker. @param onTold - receives what it tells. */
export function startWorker(onTold: (told: Told) => void): Client {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { readonly resolve: (answer: never) => void; readonly reject: (error: Error) => void }>();
  let count = 0;
  worker.onmessage = ({ data }: { readonly data: Posted }) => {
    if ('told' in data) return onTold(data.told);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) asked?.reject(new Error(data.error));
    else asked?.resolve(data.answer as never);
  };
  worker.onerror = (event) => {
    // The worker itself does not start, or has ended: nothing that waits will be answered.
    const error = new Error(event.message || 'the worker could not be started; serve the page by http, and reload it');
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const id = count++;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, request });
      }),
  };
}
