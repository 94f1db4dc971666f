/**
 * Runs a synchronous computation on a model's backend, whichever is TensorFlow.js's current one, and frees its
 * temporaries.
 */
export type RunOnBackend = <Result>(compute: () => Result) => Result;
