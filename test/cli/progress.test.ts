/** The line of progress: what it shows in a terminal of any width, and what of it stays. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ProgressState, showProgress } from '../../src/cli/progress.js';

const state: ProgressState = {
  step: 120,
  steps: 300,
  loss: 1.23456,
  learningRate: 2e-4,
  tokensPerSecond: 5231,
  memory: 312 * 2 ** 20,
  secondsLeft: 122.4,
};

/** What is written to a terminal. */
function written(columns: number, use: (progress: ReturnType<typeof showProgress>) => void, interactive = true): string {
  let text = '';
  const raw = (piece: string): void => {
    text += piece;
  };
  use(showProgress({ result: raw, raw, notice: (line) => raw(`${line}\n`), interactive, columns: () => columns }, 10));
  return text.replaceAll('\r\x1b[2K', '<clear>');
}

const line = (columns: number, shown = state): string => written(columns, (progress) => progress.update(shown)).replace('<clear>', '');

it('shows all of it at 160 and at 80 columns, and what matters most at 40', () => {
  expect(line(160)).toBe(' 40 % ████████············  120/300  loss 1.2346  rate 2e-4  5231 tok/s  312 MiB  2:03 left');
  expect(line(80)).toBe(' 40 % ██▍···  120/300  loss 1.2346  rate 2e-4  5231 tok/s  312 MiB  2:03 left');
  expect(line(40)).toBe(' 40 % ██▊····  loss 1.2346  2:03 left');
});

it('never fills the terminal: such a line would wrap, and could not be rewritten', () => {
  const any = fc.record({
    step: fc.integer({ min: 1, max: 10 ** 6 }),
    loss: fc.double({ min: 0, max: 1e6, noNaN: true }),
    learningRate: fc.double({ min: 0, max: 1, noNaN: true }),
    tokensPerSecond: fc.double({ min: 0, max: 1e7, noNaN: true }),
    memory: fc.double({ min: 0, max: 1e13, noNaN: true }),
    secondsLeft: fc.double({ min: 0, max: 1e7, noNaN: true }),
  });
  fc.assert(
    fc.property(any, fc.integer({ min: 1, max: 200 }), (shown, columns) => {
      const text = line(columns, { ...shown, steps: 10 ** 6 });
      expect([...`${text}^C`].length).toBeLessThan(Math.max(columns, 3));
      expect(text).not.toMatch(/[\n\r<]/);
    }),
  );
});

it('is empty of the bar before a line that stays, and after the end', () => {
  const text = written(80, (progress) => {
    progress.update(state);
    progress.say('said');
    progress.update({ ...state, step: 300 });
    progress.end();
  });
  expect(text).toMatch(/^<clear>[^<\n]*<clear>said\n<clear>100 %[^<\n]*loss 1.2346[^<\n]*MiB<clear>$/);
});

it('off a terminal is plain lines, every tenth step and at the end', () => {
  const text = written(
    40,
    (progress) => {
      for (let step = 1; step <= 25; step++) progress.update({ ...state, step, steps: 25 });
      progress.end();
    },
    false,
  );
  expect(text.split('\n').map((one) => one.split('  ')[0])).toEqual(['step 10/25', 'step 20/25', 'step 25/25', '']);
  expect(text).not.toContain('<clear>');
});
