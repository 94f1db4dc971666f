/** What runs leave behind, as pages are made of it. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { report as command } from '../../../src/cli/commands/report.js';
import { damageBytes } from '../damage-bytes.js';
import { damageJson, jsonText, nodeOf } from '../damage-json.js';
import type { Draw } from '../draw.js';
import { BrokenPromise, type FuzzClass } from '../fuzz-class.js';
import { damageYaml } from './damage-yaml.js';
import { runCommand } from './run-command.js';

/** The class. */
export const report: FuzzClass = {
  name: 'report',
  refusal: /^(report: |\S*(config|sweep)\.yaml(:\d+)?: )/,
  prepare: async () => ({
    write(draw, folder, damaged) {
      const run = path.join(folder, 'run');
      mkdirSync(run);
      writeRun(draw, run, damaged);
    },
    async use(folder, attempt) {
      const page = path.join(folder, 'report.html');
      await attempt(async () => {
        await runCommand('report', command, [path.join(folder, 'run'), '--out', page]);
        checkPage(readFileSync(page, 'utf8'), path.join(folder, 'run'));
      });
    },
  }),
};

/** What stands in the page of itself, and not because a record says it. */
function checkPage(page: string, run: string): void {
  const files = readdirSync(run)
    .map((name) => path.join(run, name))
    .filter((name) => statSync(name).isFile());
  const given = files.map((name) => readFileSync(name, 'latin1')).join('\n');
  const shown = page.replace(/<style>.*?<\/style>/s, '');
  for (const artefact of ['[object ', 'undefined', 'NaN']) {
    const at = shown.indexOf(artefact);
    if (at >= 0 && !given.includes(artefact))
      throw new BrokenPromise(`the page shows ${artefact} in …${shown.slice(Math.max(0, at - 60), at + 30)}`);
  }
  const attribute = /[a-z-]+="[^"]*\bNaN\b[^"]*"/.exec(shown);
  if (attribute !== null && !attribute[0].startsWith('data-') && /\b(d|x|y|cx|cy|points|width|height|transform)="/.test(attribute[0])) {
    throw new BrokenPromise(`the page has a drawing at NaN: ${attribute[0].slice(0, 100)}`);
  }
}

function writeRun(draw: Draw, run: string, damaged: boolean): void {
  const steps = 1 + draw.below(6);
  const module = (name: string) => ({
    module: name,
    balanceGap: 0.1,
    conditionNumber: 3,
    balancedConditionNumber: 2,
    effectiveRank: 1.5,
    singularValues: [2, 1],
  });
  const metrics: readonly unknown[] = Array.from({ length: steps }, (_, step) => [
    {
      kind: 'train',
      step: step + 1,
      loss: 2 - 0.1 * step,
      learningRate: 1e-3,
      gradientNorm: 1,
      tokens: 40,
      seconds: step + 0.5,
      memory: 1e8,
    },
    { kind: 'eval', step: step + 1, loss: 2, perplexity: Math.exp(2), seconds: step + 0.5, best: step === 0 },
    { kind: 'layers', step: step + 1, layers: [module('layers.0.q_proj'), module('layers.1.q_proj')] },
  ]).flat();
  const samples: readonly unknown[] = draw.list(0, 3, (index) => ({ step: index, prompt: '2 + 2 = ', completion: '4' }));
  const spoilt = damaged && !draw.chance(0.08) ? draw.below(10) : 10;
  const lines = (documents: readonly unknown[], spoil: boolean): Uint8Array => {
    const at = spoil ? draw.below(Math.max(1, documents.length)) : -1;
    const text = documents.map((document, index) => `${jsonText(index === at ? damageJson(draw, document) : nodeOf(document))}\n`).join('');
    return spoil && draw.chance(0.1) ? damageBytes(draw, Buffer.from(text)) : Buffer.from(text);
  };
  const write = (name: string, bytes: Uint8Array): void => {
    // One that is missing.
    if (spoilt !== 9 || draw.chance(0.7)) writeFileSync(path.join(run, name), bytes);
  };
  write('metrics.jsonl', lines(metrics, spoilt < 5));
  write('samples.jsonl', lines(samples, spoilt === 5 || spoilt === 6));
  const config = ['model: m', 'data: d', 'rank: 4', 'method: lora', 'learningRate: 1e-3'];
  write('config.yaml', spoilt === 7 ? damageYaml(draw, config, ['rank', 'method']) : Buffer.from(`${config.join('\n')}\n`));
  write(
    'outcome.json',
    Buffer.from(jsonText(spoilt === 8 ? damageJson(draw, { end: 'finished', step: steps }) : nodeOf({ end: 'finished', step: steps }))),
  );
}
