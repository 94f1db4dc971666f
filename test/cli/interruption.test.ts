import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { catchInterrupt, sameKeystrokeMs } from '../../src/cli/interruption.js';
import type { Terminal } from '../../src/cli/terminal.js';

const said: string[] = [];
const terminal: Terminal = {
  result: () => undefined,
  notice: (line) => void said.push(line),
  raw: () => undefined,
  interactive: false,
  columns: () => 80,
};

beforeEach(() => {
  said.length = 0;
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

it.each(['SIGINT', 'SIGTERM'] as const)('%s aborts once, however often it is handed on; a later one finds the default reaction', (name) => {
  const before = process.listenerCount(name);
  const { signal, end } = catchInterrupt(terminal, 'noticed');
  expect(signal.aborted).toBe(false);
  process.emit(name);
  vi.advanceTimersByTime(sameKeystrokeMs - 1);
  process.emit(name);
  expect({ aborted: signal.aborted, said, left: process.listenerCount(name) - before }).toEqual({
    aborted: true,
    said: ['noticed'],
    left: 1,
  });
  vi.advanceTimersByTime(1);
  expect(process.listenerCount(name)).toBe(before);
  end();
});

it('a later one ends the program also where the timer has had no turn', () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  const { end } = catchInterrupt(terminal, 'noticed');
  process.emit('SIGINT', 'SIGINT');
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + sameKeystrokeMs);
  process.emit('SIGINT', 'SIGINT');
  expect(kill).toHaveBeenCalledWith(process.pid, 'SIGINT');
  end();
  vi.restoreAllMocks();
});

it('ends without a trace', () => {
  const listeners = () => [process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')];
  const before = listeners();
  catchInterrupt(terminal, 'noticed').end();
  expect(listeners()).toEqual(before);
});
