import { expect, it } from 'vitest';
import { catchInterrupt } from '../../src/cli/interruption.js';

it.each(['SIGINT', 'SIGTERM'] as const)('%s aborts once; the next finds the default reaction', (name) => {
  const before = process.listenerCount(name);
  let announced = 0;
  const { signal, end } = catchInterrupt(() => announced++);
  expect(signal.aborted).toBe(false);
  process.emit(name);
  expect({ aborted: signal.aborted, announced, left: process.listenerCount(name) - before }).toEqual({
    aborted: true,
    announced: 1,
    left: 0,
  });
  end();
});

it('ends without a trace', () => {
  const listeners = () => [process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')];
  const before = listeners();
  catchInterrupt(() => undefined).end();
  expect(listeners()).toEqual(before);
});
