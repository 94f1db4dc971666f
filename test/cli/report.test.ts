/** `bures report` on records of any kind: damaged, cut off, hostile, huge; and the policy of its page. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linearAxis } from '../../src/cli/report/axis.js';
import { chromiumPath, openChromium } from '../../tools/chromium.js';
import { runCli } from './run-cli.js';

let root = '';
let folders = 0;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-report-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const train = { kind: 'train', step: 1, loss: 2.5, learningRate: 1e-3, gradientNorm: 0.5, tokens: 8, seconds: 1, memory: 1e8 };
const evaluation = { kind: 'eval', step: 1, loss: 2, perplexity: 7, seconds: 1, best: true };
const layer = { module: 'q', balanceGap: 0.1, conditionNumber: 3, balancedConditionNumber: 2, effectiveRank: 1, singularValues: [2, 1] };
const layers = { kind: 'layers', step: 1, layers: [layer] };
const sample = { step: 1, prompt: 'Add 1 and 2.', completion: '3' };

interface Files {
  readonly config?: object;
  readonly metrics?: readonly (object | string)[];
  readonly samples?: readonly (object | string)[];
  readonly outcome?: object | string;
}

/** A folder of a run with these records. */
function runOf({ config = {}, metrics = [train, evaluation, layers], samples = [sample], outcome = { end: 'finished' } }: Files): string {
  const run = path.join(root, `run-${folders++}`);
  mkdirSync(run);
  const text = (line: object | string): string => (typeof line === 'string' ? line : JSON.stringify(line));
  writeFileSync(path.join(run, 'config.yaml'), JSON.stringify({ model: '/home/ada/models/tiny', method: 'lora', rank: 4, ...config }));
  writeFileSync(path.join(run, 'metrics.jsonl'), metrics.map((line) => `${text(line)}\n`).join(''));
  writeFileSync(path.join(run, 'samples.jsonl'), samples.map((line) => `${text(line)}\n`).join(''));
  writeFileSync(path.join(run, 'outcome.json'), text(outcome));
  return run;
}

async function pageOf(...runs: readonly string[]): Promise<string> {
  const page = path.join(root, 'page.html');
  const { status, stderr } = await runCli('report', ...runs, '--out', page);
  expect(status, stderr).toBe(0);
  return readFileSync(page, 'utf8');
}

it.each([0, 5e-324, -5e-324, 1e-300, 1, 1e300])('an axis of %d alone has room for it', (value) => {
  const axis = linearAxis([value], { length: 100, count: 5 });
  for (const tick of [value, ...axis.ticks]) expect(axis.place(tick)).toBeCloseTo(50, 9);
});

describe('the summary', () => {
  const environment = {
    versions: { bures: '9.8.7', node: 'v20.1.0' },
    platform: 'linux x64',
    backend: { name: 'wasm', device: 'an abacus (3 cores)', matmul: 'beads' },
  };
  const rows = { training: { count: 4321, sha256: 'x', each: '' }, validation: { count: 0, sha256: 'x', each: '' } };

  it('says α, tokens, rows, backend and versions, and losses with the digits in which runs differ', async () => {
    const steps = [train, { ...train, step: 2, loss: 1.23456 }];
    const run = runOf({ config: { alpha: 48 }, metrics: [...steps, { ...evaluation, loss: 1.23444 }, layers] });
    writeFileSync(path.join(run, 'environment.json'), JSON.stringify(environment));
    writeFileSync(path.join(run, 'fingerprints.json'), JSON.stringify({ rows }));
    const page = await pageOf(run);
    for (const text of [
      '>48<',
      '>16<',
      '1.2346',
      '1.2344 (step 1)',
      '4321',
      'held out of those',
      'wasm, an abacus (3 cores); products: beads',
      'bures 9.8.7, Node v20.1.0',
    ])
      expect(page).toContain(text);
    expect(page).toContain('<summary>Modules of');
  });

  it('says how many rows of a file were trained and validated on', async () => {
    const of = async (validation: object, used: object): Promise<string> => {
      const run = runOf({ metrics: [train, evaluation] });
      const counts = { training: { count: 60, sha256: 'x', each: '' }, validation: { count: 0, sha256: 'x', each: '', ...validation } };
      writeFileSync(path.join(run, 'fingerprints.json'), JSON.stringify({ rows: { ...counts, used } }));
      const text = (await pageOf(run)).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
      return /rows to train on .*? rows to validate [\w, ]*?\d+(?= \D)(, held out of \d+)?/.exec(text)?.[0] ?? text;
    };
    expect(await of({}, { training: 57, validation: 3 })).toBe('rows to train on 57 rows to validate 3, held out of 60');
    expect(await of({ count: 9 }, { training: 60, validation: 9 })).toBe('rows to train on 60 rows to validate 9');
    expect(await of({}, { training: 60, validation: 0 })).toBe('rows to train on 60 rows to validate 0');
  });

  it('does without records that earlier versions did not make', async () => {
    const page = await pageOf(runOf({ metrics: [{ ...train, tokens: undefined }, evaluation] }));
    expect(page).not.toMatch(/backend|NaN/);
  });

  it('calls the runs of a sweep by the keys in which they differ', async () => {
    const runs = [1e-3, 1e-2].map((learningRate) => {
      const folder = path.join(root, `method=lora_learningRate=${learningRate}_seed=0_${folders++}`);
      renameSync(runOf({ config: { learningRate, seed: 3 } }), folder);
      return folder;
    });
    const page = await pageOf(...runs);
    const legend = /<p class="legend">.*?<\/p>/s.exec(page)?.[0] ?? '';
    expect(legend).toMatch(/learningRate 0\.001<.*learningRate 0\.01</s);
    expect(legend).not.toContain('method=');
    expect(page).toContain(path.basename(runs[0]));
  });

  it('names a record of the machine that is damaged', async () => {
    const run = runOf({});
    writeFileSync(path.join(run, 'environment.json'), JSON.stringify({ ...environment, platform: 3 }));
    expect((await runCli('report', run, '--out', path.join(root, 'x.html'))).stderr).toMatch(/environment\.json: .*got 3 for 'platform'/);
  });
});

describe('a damaged record', () => {
  const inLayers = (change: object) => ({ ...layers, layers: [{ ...layer, ...change }] });
  it.each<[string, Files, RegExp]>([
    ['a number that is null', { metrics: [train, { ...train, loss: null }] }, /metrics\.jsonl:2: .*got null for 'loss'/],
    ['a word for a number', { metrics: [{ ...train, seconds: 'long' }] }, /metrics\.jsonl:1: .*got "long" for 'seconds'/],
    ['an object for a number', { metrics: [{ ...evaluation, loss: {} }] }, /metrics\.jsonl:1: .*for 'loss'/],
    ['no step', { metrics: [{ ...train, step: undefined }] }, /metrics\.jsonl:1: .*got nothing for 'step'/],
    ['a step between two', { metrics: [{ ...train, step: 1.5 }] }, /got 1\.5 for 'step'/],
    ['a step that is infinite', { metrics: [JSON.stringify(train).replace('"step":1', '"step":1e999')] }, /for 'step'/],
    ['another kind', { metrics: [{ ...train, kind: 'tain' }] }, /got "tain" for 'kind'/],
    ['no kind', { metrics: [{ step: 1 }] }, /got nothing for 'kind'/],
    ['layers that are no list', { metrics: [{ ...layers, layers: { q: layer } }] }, /for 'layers'/],
    ['a layer that is null', { metrics: [{ ...layers, layers: [null] }] }, /got null for 'layers\.0'/],
    ['a module without a name', { metrics: [inLayers({ module: 3 })] }, /got 3 for 'layers\.0\.module'/],
    ['a spectrum that is a word', { metrics: [inLayers({ singularValues: 'NaN' })] }, /for 'layers\.0\.singularValues'/],
    ['a spectrum with a hole', { metrics: [inLayers({ singularValues: [1, null] })] }, /got null for 'layers\.0\.singularValues\.1'/],
    ['a list for a line', { metrics: ['[1]'] }, /metrics\.jsonl:1: expected a JSON object, got \[1\]/],
    ['half a line with its end', { metrics: [train, '{"kind":"tr', evaluation] }, /metrics\.jsonl:2: expected a JSON object/],
    ['zeros, as a power cut leaves them', { metrics: [train, '\0\0\0\0'] }, /metrics\.jsonl:2: expected a JSON object/],
    ['a prompt that is an object', { samples: [{ ...sample, prompt: {} }] }, /samples\.jsonl:1: .*for 'prompt'/],
    ['a completion that is missing', { samples: [{ step: 1, prompt: 'x' }] }, /got nothing for 'completion'/],
    ['an end that is none', { outcome: { end: 'maybe' } }, /outcome\.json: .*got "maybe" for 'end'/],
    ['an outcome that is a list', { outcome: '[]' }, /outcome\.json: /],
    ['half an outcome', { outcome: '{"end":' }, /outcome\.json must be JSON/],
    ['a method that is an object', { config: { method: { a: 1 } } }, /config\.yaml: .*for 'method'/],
    ['a rank that is a list', { config: { rank: [1] } }, /config\.yaml: .*for 'rank'/],
  ])('is refused by file and line: %s', async (_, files, message) => {
    const run = runOf(files);
    const { status, stdout, stderr } = await runCli('report', run);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: report: .*; .+\n$/s);
    expect(stderr).not.toMatch(/\[object|TypeError|Cannot read|undefined/);
    expect(readdirSync(run)).not.toContain('report.html');
  });

  it('is passed over where it is a last line that was cut off', async () => {
    const run = runOf({});
    appendFileSync(path.join(run, 'metrics.jsonl'), '{"kind":"train","step":2,"lo');
    appendFileSync(path.join(run, 'samples.jsonl'), Buffer.from([0x7b, 0xc3]));
    expect(await pageOf(run)).toContain('Training loss');
  });

  it('may lack what a run has not written yet', async () => {
    const run = runOf({});
    for (const file of ['metrics.jsonl', 'samples.jsonl', 'outcome.json']) rmSync(path.join(run, file));
    expect(await pageOf(run)).toContain('not ended');
  });
});

it('numbers beyond all measure are shown as such or left out', async () => {
  const extremes = ['NaN', 'Infinity', '-Infinity', 1.7e308, -1.7e308, 5e-324, 0, -0].map((loss, i) => ({
    ...train,
    step: i,
    loss,
    gradientNorm: loss,
  }));
  const huge = JSON.stringify({ ...train, step: 9 }).replace('2.5', '1e999');
  const wide = {
    ...layers,
    step: 9,
    layers: [
      { ...layer, singularValues: [1e300, 1e-300] },
      { ...layer, module: 'another' },
    ],
  };
  const html = await pageOf(runOf({ metrics: [...extremes, huge, layers, wide, { ...layers, layers: [] }] }));
  expect(html).not.toMatch(/NaN|undefined|Infinity|\[object/);
});

it('hundreds of thousands of records, prompts and modules are read, and long texts cut', async () => {
  const count = 200_000;
  const metrics = Array.from({ length: count }, (_, step) => ({ ...train, step, loss: 1 / (step + 1) }));
  const samples = Array.from({ length: 20_000 }, (_, i) => ({ ...sample, prompt: `prompt ${i}` }));
  const modules = Array.from({ length: 2000 }, (_, i) => ({ ...layer, module: `layer ${i}` }));
  const evaluations = Array.from({ length: 70 }, (_, step) => ({ ...layers, step, layers: modules }));
  const long = { ...sample, prompt: 'long', completion: 'x'.repeat(3_000_000) };
  const html = await pageOf(runOf({ metrics: [...metrics, ...evaluations], samples: [long, ...samples] }));
  expect(html.length).toBeLessThan(40_000_000);
  expect(html).toContain('The first 200 of 20001 prompts');
  expect(html).toContain('… (3000010 characters)'.replace('3000010', String(3_000_000 + '  [step 1]'.length)));
});

describe('the page', () => {
  const hostile = [
    '</script><script>globalThis.stained = 1</script>',
    '</style><style>body { display: none }</style>',
    '<img src=x onerror="globalThis.stained = 1">',
    '"><svg onload=globalThis.stained=1>',
    "' onmouseover='globalThis.stained=1",
    'javascript:globalThis.stained=1',
    '<a href="javascript:globalThis.stained=1">here</a>',
    '<meta http-equiv="refresh" content="0; url=https://example.com">',
    '<base href="https://example.com/">',
    ']]><!--',
  ];
  const inject = (): string =>
    runOf({
      config: { method: hostile[0], note: hostile, [hostile[3]]: 1 },
      samples: hostile.map((text) => ({ step: 1, prompt: text, completion: text })),
      metrics: [train, ...hostile.map((text) => ({ ...layers, layers: [{ ...layer, module: text }] }))],
    });

  it('has a policy that allows its own style by digest and nothing else', async () => {
    const html = await pageOf(inject());
    const [, style] = /<style>([\s\S]*?)<\/style>/.exec(html) ?? [];
    const digest = createHash('sha256').update(style).digest('base64');
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html)?.[1];
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`);
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'));
    // Of tags that the page is made of, none runs anything or loads anything.
    const tags = html.match(/<[^>]*>/g) ?? [];
    expect(tags.filter((tag) => /^<(script|img|a|base|iframe|object|link)\b/i.test(tag))).toEqual([]);
    const attributes = tags.map((tag) => tag.replaceAll(/"[^"]*"/g, '""'));
    expect(attributes.filter((tag) => /\s(on\w+|style|href|src)\s*=/i.test(tag))).toEqual([]);
    expect(html).not.toContain('/home/ada');
    expect(html).toContain('&quot;tiny&quot;');
  });

  it.runIf(chromiumPath !== undefined)('keeps its policy in a browser, where nothing that was injected runs', async () => {
    const page = path.join(root, 'hostile.html');
    expect(await runCli('report', inject(), runOf({}), '--out', page)).toMatchObject({ status: 0 });
    const browser = await openChromium(chromiumPath as string);
    try {
      const tab = await browser.newPage();
      const said: string[] = [];
      const asked: string[] = [];
      tab.on('console', (message) => said.push(message.text()));
      tab.on('pageerror', (error) => said.push(error.message));
      tab.on('request', (request) => asked.push(request.url()));
      await tab.goto(pathToFileURL(page).href);
      expect(await tab.evaluate('[typeof stained, getComputedStyle(document.querySelector("main")).maxWidth]')).toEqual([
        'undefined',
        '1160px',
      ]);
      expect(said).toEqual([]);
      expect(asked).toEqual([pathToFileURL(page).href]);
      // The policy bites: a script that came to be in the page would not run.
      await tab.evaluate(
        'document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.stained = 1" }))',
      );
      expect(await tab.evaluate('typeof stained')).toBe('undefined');
      expect(said).toHaveLength(1);
    } finally {
      await browser.close();
    }
  });
});
