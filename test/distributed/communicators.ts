/** The contract of communicators, as each of several processes runs it. It throws where it does not hold. */
import assert from 'node:assert/strict';
import type { Communicator } from 'bures/distributed';

/** Calls every method with values of known results, of sizes that are sent in one message and in several. */
export async function checkContract(communicator: Communicator): Promise<void> {
  const { rank, size, names } = communicator;
  assert.equal(names.length, size);
  assert.equal(new Set(names).size, size);
  const ranks = Array.from({ length: size }, (_, each) => each);
  for (const length of [0, 1, 3, 1000, 40_000]) {
    for (const make of [
      (factor: number) => Float64Array.from({ length }, (_, i) => factor * (i + 0.5)),
      (factor: number) => Float32Array.from({ length }, (_, i) => factor * (i + 0.5)),
    ]) {
      const values = make(rank + 1);
      await communicator.sum(values);
      assert.deepEqual(values, make(ranks.reduce((sum, each) => sum + each + 1, 0)));
    }
    for (const root of ranks) {
      const bytes = Uint8Array.from({ length }, (_, i) => (rank * 31 + i) % 256);
      await communicator.broadcast(bytes, root);
      assert.deepEqual(
        bytes,
        Uint8Array.from({ length }, (_, i) => (root * 31 + i) % 256),
      );
    }
    const gathered = await communicator.gather(new Uint8Array(length * rank).fill(rank));
    assert.deepEqual(
      gathered,
      ranks.map((each) => new Uint8Array(length * each).fill(each)),
    );
  }
  // A part of a larger buffer: its neighbours stay.
  const around = Float64Array.of(7, rank, rank, 7);
  await communicator.sum(around.subarray(1, 3));
  assert.deepEqual([...around], [7, (size * (size - 1)) / 2, (size * (size - 1)) / 2, 7]);
  // Rounding depends on the order of a sum: all processes have the same bits nevertheless.
  const rounded = Float64Array.from({ length: 1000 }, (_, i) => Math.sin(rank * 1000 + i) * 10 ** ((rank * 5) % 12));
  await communicator.sum(rounded);
  const seen = await communicator.gather(new Uint8Array(rounded.buffer));
  for (const other of seen) assert.deepEqual(other, seen[0]);
  await assert.rejects(async () => communicator.broadcast(new Uint8Array(1), size), { name: 'ConfigError', message: /^broadcast: root/ });
  // Calls that are not awaited keep their order.
  const [first, second] = [Float64Array.of(rank), Float64Array.of(1)];
  await Promise.all([communicator.sum(first), communicator.sum(second), communicator.gather(new Uint8Array(5))]);
  assert.deepEqual([first[0], second[0]], [(size * (size - 1)) / 2, size]);
}
