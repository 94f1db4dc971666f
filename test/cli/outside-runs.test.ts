/** What commands write stays out of the folders of runs. */
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { writtenAdapter } from '../lora/support/written-adapter.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { model, writeQuestions } from './math-runs.js';
import { runCli } from './run-cli.js';

const scratch = temporaryFolder('outside-runs');
const adapter = await writtenAdapter(path.join(scratch, 'adapter'), { 'l.0.q_proj': { m: 19, n: 13, rank: 4 } });
const data = path.join(scratch, 'data.jsonl');
writeQuestions(data, { tasks: ['digits'], seed: 1, train: 8 });
const entries = path.join(scratch, 'entries.csv');
writeFileSync(entries, 'user,item,score\na,x,1\nb,y,2\na,y,3\nb,x,4\n');

const sweepFile = path.join(scratch, 'sweep.yaml');
writeFileSync(sweepFile, `base: { model: ${model}, data: ${data}, steps: 1 }\ngrid: { rank: [1] }\nout: x\n`);

/** Folders of runs in their stages: begun, with a checkpoint, with a best adapter. */
const stages: Readonly<Record<string, (run: string) => void>> = {
  begun: (run) => {
    writeFileSync(path.join(run, 'config.yaml'), 'model: m\n');
    writeFileSync(path.join(run, 'fingerprints.json'), '{}');
  },
  saved: (run) => cpSync(adapter, path.join(run, 'checkpoints', 'step-3'), { recursive: true }),
  validated: (run) => cpSync(adapter, path.join(run, 'best'), { recursive: true }),
};

const commands: Readonly<Record<string, readonly string[]>> = {
  merge: ['merge', adapter, '--model', model],
  'merge of several': ['merge', adapter, adapter, '--weights', '1,1'],
  balance: ['balance', adapter],
  resize: ['resize', adapter, '--rank', '2'],
  complete: ['complete', entries],
  finetune: ['finetune', '--model', model, '--data', data, '--steps', '1'],
  sweep: ['sweep', sweepFile],
};

describe.each(Object.keys(commands))('%s', (name) => {
  it.each(Object.entries(stages))('refuses an --out that is, or lies within, a run that is %s', async (stage, make) => {
    const run = path.join(scratch, `${name}-${stage}`);
    mkdirSync(run);
    make(run);
    const link = `${run}-link`;
    symlinkSync(run, link);
    const before = readdirSync(run, { recursive: true });
    for (const out of [run, path.join(run, 'best', 'deeper'), path.join(run, 'merged'), path.join(link, 'merged')]) {
      const { status, stdout, stderr } = await runCli(...commands[name], '--out', out);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(new RegExp(`^error: ${commands[name][0]}: .*choose another --out\n$`));
      if (out !== run) expect(stderr).toMatch(/expected an --out outside of runs, got one within the run .*-(begun|saved|validated)/);
    }
    expect(readdirSync(run, { recursive: true })).toEqual(before);
  });
});

it('a config.yaml alone, from which runs are begun, makes no run of a folder', async () => {
  const own = path.join(scratch, 'own');
  mkdirSync(own);
  writeFileSync(path.join(own, 'config.yaml'), 'model: m\n');
  expect(await runCli('resize', adapter, '--rank', '2', '--out', path.join(own, 'smaller'))).toMatchObject({ status: 0 });
  expect(existsSync(path.join(own, 'smaller', 'adapter_config.json'))).toBe(true);
});
