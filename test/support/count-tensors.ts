/** The suite's hook against leaks: tests of what trains end with the tensors that they began with. */
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

/** Folders of tests that are counted. */
const counted = ['lora', 'models', 'cli', 'examples'].map((folder) => path.resolve(import.meta.dirname, '..', folder) + path.sep);

/**
 * TensorFlow.js puts its engine there when it is loaded. Asking for it by an import would load it for tests that do
 * without.
 */
type WithEngine = { readonly _tfengine?: { readonly state: { readonly numTensors: number } } };

function tensorsAlive(): number {
  return (globalThis as WithEngine)._tfengine?.state.numTensors ?? 0;
}

/**
 * Counts the tensors of a file's tests: each test ends with as many as there were after its `beforeEach` hooks' turn
 * began, and the file with as many as before its `beforeAll` hooks. A test that failed already is not reported a second
 * time.
 */
export function countTensors(): void {
  const file = expect.getState().testPath ?? '';
  if (!counted.some((folder) => file.startsWith(folder))) return;
  let [beforeFile, beforeTest, failed] = [0, 0, false];
  beforeAll(() => {
    beforeFile = tensorsAlive();
  });
  beforeEach(() => {
    beforeTest = tensorsAlive();
  });
  // The hooks of a setup file surround those of the test file: these two run last.
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed = true;
    else expect(tensorsAlive() - beforeTest, 'tensors that the test left behind').toBe(0);
  });
  afterAll(() => {
    if (!failed) expect(tensorsAlive() - beforeFile, 'tensors that the file left behind').toBe(0);
  });
}
