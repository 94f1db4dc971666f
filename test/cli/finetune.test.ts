/**
 * Runs from beginning to end on the small model that the project ships: what they write, how they end, and what
 * resuming gives.
 */

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LossSpectrum, loadAdapter } from 'bures/lora';
import { collateRows, exactMatches, loadCausalLM, loadTokenizer, readDataset } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { completeText } from '../../src/cli/training/complete-text.js';
import { readObjects } from '../../src/io/json-lines.node.js';
import { chromiumPath, openChromium } from '../../tools/chromium.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeSplits } from './math-runs.js';
import { runCli } from './run-cli.js';
import { startCli } from './start-cli.js';

const root = temporaryFolder('finetune');
let data = '';
/** An uninterrupted run. */
let whole = '';

const steps = 9;
const learningRate = '1e-2';
const common = (): readonly string[] => {
  const shape = ['--model', model, '--data', data, '--backend', 'wasm', '--rank', '3', '--steps', String(steps), '--batch-size', '4'];
  return [
    ...shape,
    '--learning-rate',
    learningRate,
    '--save-every',
    '3',
    '--eval-every',
    '4',
    '--eval-rows',
    '6',
    '--target-modules',
    '[q_proj, v_proj]',
  ];
};

beforeAll(async () => {
  data = path.join(root, 'data');
  whole = path.join(root, 'whole');
  writeSplits(data, { tasks: ['digits', 'gcd'], seed: 3, train: 60, held: 12 });
  const outcome = await runCli(
    'finetune',
    ...common(),
    '--out',
    whole,
    '--sample-prompts',
    '["Calculate 3 * 4.\\n"]',
    '--sample-tokens',
    '4',
    '--json',
  );
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(JSON.parse(outcome.stdout)).toMatchObject({ run: whole, end: 'finished', step: steps, steps });
  expect(outcome.stderr).toContain(`step ${steps}/${steps}  loss `);
});

const bytes = (...parts: readonly string[]): Buffer => readFileSync(path.join(...parts));

describe('a run', () => {
  it('leaves its configuration, environment, metrics, events, samples, checkpoints and the best adapter', async () => {
    expect(
      readdirSync(whole)
        .filter((name) => !name.startsWith('events.out.tfevents.'))
        .sort(),
    ).toEqual([
      'best',
      'checkpoints',
      'config.yaml',
      'environment.json',
      'fingerprints.json',
      'metrics.jsonl',
      'outcome.json',
      'samples.jsonl',
    ]);
    expect(readdirSync(path.join(whole, 'checkpoints')).sort()).toEqual(['step-6', 'step-9']);
    const metrics = await readObjects('test', path.join(whole, 'metrics.jsonl'));
    const stepsOf = (kind: string) => metrics.filter((line) => line.kind === kind).map((line) => line.step);
    expect(stepsOf('train')).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    expect(stepsOf('eval')).toEqual([0, 4, 8, 9]);
    expect(stepsOf('layers')).toEqual([0, 4, 8, 9]);
    const losses = metrics.filter((line) => line.kind === 'eval').map((line) => line.loss as number);
    expect(losses[3]).toBeLessThan(losses[0] - 1);
    expect((await readObjects('test', path.join(whole, 'samples.jsonl'))).map((line) => line.step)).toEqual([0, 4, 8, 9]);
    const best = JSON.parse(bytes(whole, 'best', 'best.json').toString()) as { loss: number };
    expect(best.loss).toBe(Math.min(...losses));
  });

  it('is not written over, and its file of keys begins the same run again', async () => {
    expect(await runCli('finetune', ...common(), '--out', whole)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`bures resume ${whole}`),
    });
    const again = path.join(root, 'again');
    expect(await runCli('finetune', path.join(whole, 'config.yaml'), '--out', again, '--sample-prompts', '[]')).toMatchObject({
      status: 0,
    });
    expect(bytes(again, 'checkpoints/step-9/adapter_model.safetensors')).toEqual(
      bytes(whole, 'checkpoints/step-9/adapter_model.safetensors'),
    );
  });

  it('trains on several data sets with weights, which its record names and resuming compares', async () => {
    const run = path.join(root, 'mixture');
    const more = path.join(root, 'more');
    writeSplits(more, { tasks: ['mul'], seed: 4, train: 30, held: 6 });
    const words = ['--data', more, '--data-weights', '1,0.5', '--out', run, '--epochs', '1', '--method', 'lora'];
    const { status, stdout } = await runCli(
      'finetune',
      ...common().filter((word) => word !== '--steps' && word !== String(steps)),
      ...words,
    );
    // 60 + 15 rows in batches of 4.
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('19 of 19 steps') });
    const file = path.join(run, 'config.yaml');
    const config = readFileSync(file, 'utf8');
    expect(config).toContain(`data:\n  - ${data}\n  - ${more}\n`);
    expect(readFileSync(path.join(run, 'best', 'README.md'), 'utf8')).toMatch(/data.*more/i);
    writeFileSync(file, config.replace('- 0.5', '- 0.25'));
    expect(await runCli('resume', run)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('dataWeights was [1,0.5] and is now [1,0.25]'),
    });
  });

  it('trains on data sets with columns and weights of their own, which its record and its card name', async () => {
    const [run, table, texts] = ['columns', 'table.csv', 'texts.jsonl'].map((name) => path.join(root, name));
    writeFileSync(table, `question,answer\n${Array.from({ length: 8 }, (_, i) => `${i} + 1?,${i + 1}`).join('\n')}\n`);
    writeFileSync(texts, Array.from({ length: 8 }, (_, i) => JSON.stringify({ body: `${i}` })).join('\n'));
    const file = path.join(root, 'columns.yaml');
    const entries = [
      data,
      { data: table, promptColumn: 'question', completionColumn: 'answer', weight: 2 },
      { data: texts, textColumn: 'body' },
    ];
    writeFileSync(file, stringify({ model, data: entries, batchSize: 4, backend: 'wasm', tensorboard: false, steps: 1, validSplit: 0.5 }));
    const { status, stderr } = await runCli('finetune', file, '--out', run);
    expect(status, stderr).toBe(0);
    const recorded = path.join(run, 'config.yaml');
    expect(parse(readFileSync(recorded, 'utf8'))).toMatchObject({
      data: [data, { data: table, promptColumn: 'question', completionColumn: 'answer' }, { data: texts, textColumn: 'body' }],
      dataWeights: [1, 2, 1],
    });
    expect(readFileSync(path.join(run, 'best', 'README.md'), 'utf8')).toMatch(/table.*texts/);
    expect(await runCli('resume', run)).toMatchObject({ status: 0, stderr: expect.stringContaining('the one step is done') });
    expect(await runCli('inspect', run, '--conditioning', '--rows', '2')).toMatchObject({ status: 0 });
    const page = path.join(root, 'columns.html');
    expect(await runCli('report', run, '--out', page)).toMatchObject({ status: 0 });
    expect(readFileSync(page, 'utf8')).toMatch(/table\.csv, .*texts\.jsonl/);
    expect(readFileSync(page, 'utf8')).not.toMatch(/\[object Object\]/);
    // A weight that is written into an entry again is the same one, and another one is noticed.
    const plain = readFileSync(recorded, 'utf8').replace(/^dataWeights:\n( +- .*\n)+/m, '');
    for (const [weight, expected] of [
      [2, 0],
      [3, 2],
    ] as const) {
      writeFileSync(recorded, plain.replace('promptColumn: question', `promptColumn: question\n    weight: ${weight}`));
      expect(await runCli('resume', run)).toMatchObject({ status: expected });
    }
  });

  it('ends early when the validation loss does not improve enough', async () => {
    const run = path.join(root, 'early');
    const { status, stdout } = await runCli(
      'finetune',
      ...common().map((word) => (word === learningRate ? '1e-9' : word)),
      '--out',
      run,
      '--patience',
      '1',
      '--min-improvement',
      '0.1',
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('4 of 9 steps') });
    expect(stdout).toContain('stopped early');
    expect(readdirSync(path.join(run, 'checkpoints')).sort()).toEqual(['step-3', 'step-4']);
    // As if it had been killed before it could say that it has ended.
    const outcome = path.join(run, 'outcome.json');
    const before = JSON.parse(bytes(outcome).toString());
    rmSync(outcome);
    expect(await runCli('resume', run)).toMatchObject({ status: 0, stdout });
    expect(JSON.parse(bytes(outcome).toString())).toEqual(before);
  });

  it('that diverges stops, and keeps the last good checkpoint', async () => {
    const run = path.join(root, 'diverged');
    const words = common().map((word) => (word === learningRate ? '1e30' : word));
    const { status, stderr } = await runCli('finetune', ...words, '--out', run, '--clip', 'null', '--method', 'lora');
    expect(status).toBe(1);
    expect(stderr).toMatch(/error: .*(loss|gradient).*; (no checkpoint has been written yet|the last good checkpoint is)/);
  });
});

describe('resuming', () => {
  it('after Ctrl-C goes on from the step that was finished', async () => {
    const run = path.join(root, 'interrupted');
    const child = startCli('finetune', ...common(), '--out', run);
    await child.until(() => existsSync(path.join(run, 'metrics.jsonl')));
    child.kill('SIGINT');
    const { status, stderr } = await child.ended;
    // It may have been faster.
    if (status !== 0) {
      expect({ status, stderr }).toEqual({
        status: 130,
        stderr: expect.stringMatching(/interrupted at step \d+; continue with: bures resume /),
      });
      expect(stderr).not.toContain('    at ');
    }
    expect(await runCli('resume', run)).toMatchObject({ status: 0 });
    expect(bytes(run, 'checkpoints/step-9/adapter_model.safetensors')).toEqual(
      bytes(whole, 'checkpoints/step-9/adapter_model.safetensors'),
    );
  });

  it('elsewhere warns, and of what is no run is misuse', async () => {
    const file = path.join(root, 'again', 'environment.json');
    const environment = JSON.parse(bytes(file).toString()) as { versions: object };
    writeFileSync(file, JSON.stringify({ ...environment, processor: 'another' }));
    const { status, stdout, stderr } = await runCli('resume', path.join(root, 'again'));
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/9 of 9 steps in .*, loss \d/),
      stderr: expect.stringMatching(
        /all 9 steps are done; nothing is left to train\n[\s\S]*warning: the result may differ in rounding, because processor was another and is now /,
      ),
    });
    writeFileSync(path.join(whole, '.lock'), String(process.ppid));
    expect(await runCli('resume', whole)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`in use by process ${process.ppid}`),
    });
    // A process of the same number that began at another time is another. Only Linux tells when one began.
    writeFileSync(path.join(whole, '.lock'), `${existsSync('/proc/self/stat') ? process.ppid : 2 ** 30} 1`);
    expect(await runCli('resume', whole)).toMatchObject({ status: 0 });
    expect(await runCli('resume', data)).toMatchObject({ status: 2, stderr: expect.stringContaining('expected the folder of a run') });
  });
});

describe('what cannot be trained', () => {
  const writeData = (content: string | Buffer): string => {
    const file = path.join(root, 'bad.jsonl');
    writeFileSync(file, content);
    return file;
  };
  const row = '{"prompt": "a", "completion": "b"}\n';
  it.each([
    ['bad UTF-8', Buffer.concat([Buffer.from(row), Buffer.from([0x7b, 0xff, 0x7d, 0x0a])]), /bad\.jsonl:2/],
    ['no JSON', `${row}${row}{"prompt"\n`, /bad\.jsonl:3/],
    ['missing keys', `${row}{"prompt": "a"}\n`, /bad\.jsonl:2/],
    ['wrong types', `${row}{"prompt": "a", "completion": 3}\n`, /bad\.jsonl:2/],
    ['no object', `${row}[1]\n`, /bad\.jsonl:2/],
    ['an empty file', '', /bad\.jsonl/],
    ['a line of 10 MB', `${row}{"text": "${'1'.repeat(1e7)}"}\n`, /bad\.jsonl:2/],
  ])('%s: file and line, no stack trace', async (_, content, message) => {
    const { status, stderr, stdout } = await runCli(
      'finetune',
      '--model',
      model,
      '--data',
      writeData(content),
      '--out',
      path.join(root, 'never'),
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
    expect(existsSync(path.join(root, 'never'))).toBe(false);
  });

  it.each([
    [['--method', 'balro'], 2, "did you mean 'balora'?"],
    [['--method-options.gage', 'svd'], 2, 'gage'],
    [['--exclude-modules', '[q_proj, v_proj]'], 2, 'modules'],
    [['--rank-pattern.v_proj', '129'], 2, "v_proj', whose weight is 64×128, got 129"],
    [['--epochs', '2'], 2, 'expected steps or epochs, got both'],
    [['--out', '/dev/null/run'], 2, '/dev/null/run'],
  ])('%j: exit status %d', async (words, status, message) => {
    const out = words[0] === '--out' ? [] : ['--out', path.join(root, 'never')];
    expect(await runCli('finetune', ...common(), ...out, ...words)).toMatchObject({ status, stderr: expect.stringContaining(message) });
    expect(existsSync(path.join(root, 'never'))).toBe(false);
  });
});

describe('what a run made', () => {
  it('is evaluated, merged to the same values, and continued', async () => {
    const file = path.join(data, 'valid.jsonl');
    const evaluated = async (location: string) =>
      JSON.parse((await runCli('eval', location, '--data', file, '--json')).stdout) as { loss: number; exactMatch: number; rows: number };
    const merged = path.join(root, 'merged');
    expect(await runCli('merge', whole, '--out', merged)).toMatchObject({ status: 0 });
    const [own, same, base] = [await evaluated(whole), await evaluated(merged), await evaluated(model)];
    expect(own.rows).toBe(12);
    expect(Math.abs(own.loss - same.loss)).toBeLessThan(1e-4);
    expect(base.loss).toBeGreaterThan(own.loss + 1);
    const words = ['--prompt', 'Calculate 3 * 4.\n', '--max-tokens', '4'];
    const shown = (await runCli('generate', whole, ...words)).stdout;
    const { completion } = JSON.parse((await runCli('generate', merged, ...words, '--json')).stdout) as { completion: string };
    expect(shown).toBe(`${completion}\n`);
    expect(await runCli('merge', whole, '--out', merged)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('model.safetensors'),
    });
  });

  it('matches exactly where greedy generation gives the answer, and nowhere else', async () => {
    const tokenizer = await loadTokenizer(model);
    const lm = await loadCausalLM(model, { algebra: await tensorAlgebra({ backend: 'wasm' }) });
    // Its own answers are right by definition; every other row has one that is not.
    const prompts = ['What is 3 + 4?\n', 'Sort 9, 1.\n', 'What is 812 - 7?\n', 'Reverse the digits of 123.\n'];
    const answers = await Promise.all(prompts.map((prompt) => completeText(lm, tokenizer, prompt, { maxNewTokens: 12 })));
    const file = path.join(root, 'own.jsonl');
    writeFileSync(
      file,
      prompts.map((prompt, i) => `${JSON.stringify({ prompt, completion: i % 2 === 0 ? answers[i] : `${answers[i]}0` })}\n`).join(''),
    );
    const { rows } = await readDataset(file, tokenizer);
    expect(await exactMatches(lm, rows, { padId: 0 })).toEqual([true, false, true, false]);
    const adapter = await loadAdapter(lm, path.join(whole, 'best'));
    const batch = collateRows(rows, { padId: 0 });
    expect((await lm.algebra.tidy(() => lm.loss(batch, { overlay: adapter.overlay() }))).tokens).toBeGreaterThan(8);
    adapter.dispose();
    lm.dispose();
  });

  it('has a conditioning of its loss on its own rows, as trained and balanced', async () => {
    const { status, stdout, stderr } = await runCli('inspect', whole, '--conditioning', '--rows', '2', '--json');
    expect(status, stderr).toBe(0);
    const { conditioning } = JSON.parse(stdout) as { conditioning: { rows: number; asTrained: LossSpectrum; balanced: LossSpectrum } };
    const { rows, asTrained, balanced } = conditioning;
    expect(rows).toBe(2);
    expect(Math.abs(balanced.loss - asTrained.loss)).toBeLessThan(1e-4);
    for (const { largest, rootMeanSquare, conditionNumber } of [asTrained, balanced]) {
      expect(largest).toBeGreaterThan(rootMeanSquare);
      expect(conditionNumber).toBeGreaterThan(1);
    }
    const apart = path.join(root, 'apart');
    cpSync(path.join(whole, 'best'), apart, { recursive: true });
    const failures = [
      [whole, '--data', data],
      [apart, '--conditioning', '--model', model],
    ];
    const [unused, unknown] = await Promise.all(failures.map((words) => runCli('inspect', ...words)));
    expect(unused).toMatchObject({ status: 2, stderr: expect.stringContaining('used by --conditioning only') });
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('pass them with --data FILE') });
  });

  it('is reported on a page that needs no network, holds no NaN and fits a phone', async () => {
    const page = path.join(root, 'report.html');
    expect(await runCli('report', whole, path.join(root, 'early'), '--out', page)).toMatchObject({ status: 0, stdout: `${page}\n` });
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<svg/g)).toHaveLength(10);
    expect(html).not.toMatch(/NaN|undefined|<script|https?:\/\//);
    expect(html).toContain('Where the configurations differ');
    if (chromiumPath === undefined) return;
    const browser = await openChromium(chromiumPath);
    const asked: string[] = [];
    for (const [width, colorScheme] of [
      [390, 'dark'],
      [390, 'light'],
      [1280, 'light'],
    ] as const) {
      const tab = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
      tab.on('request', (request) => asked.push(request.url()));
      await tab.goto(pathToFileURL(page).href);
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const paper = (await tab.evaluate('getComputedStyle(document.body).backgroundColor')) as string;
      expect(luminance(paper) < 0.5).toBe(colorScheme === 'dark');
      // Every colour that a text has.
      const inks = (await tab.evaluate(
        `[...new Set([...document.querySelectorAll('h1, h2, p, td, th, figcaption, summary, svg text')]
          .map((element) => getComputedStyle(element)[element.namespaceURI.endsWith('svg') ? 'fill' : 'color']))]`,
      )) as string[];
      expect(inks.length).toBeGreaterThan(1);
      for (const ink of inks) expect(contrast(ink, paper), `${ink} on ${paper}`).toBeGreaterThan(4.5);
    }
    await browser.close();
    expect(new Set(asked)).toEqual(new Set([pathToFileURL(page).href]));
  });
});

/** Relative luminance of rgb(…), as in WCAG 2. */
function luminance(color: string): number {
  const [red, green, blue] = (color.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
