/**
 * The fuzzer itself: that it notices every way to fail, counts rightly, goes on afterwards, and makes an input again
 * from its seed.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError, hostAlgebra } from '../../src/index.js';
import { readNpy } from '../../src/io/index.js';
import { runCampaign } from '../../tools/fuzz/campaign.js';
import { type PlantedFault, plantedOrder } from '../../tools/fuzz/classes/planted.js';
import { classNames, loadClass } from '../../tools/fuzz/classes/registry.js';
import { Draw } from '../../tools/fuzz/draw.js';
import { artefactIn, judge, tryInput } from '../../tools/fuzz/judge.js';
import { ReferenceReaders, valuesBeside } from '../../tools/fuzz/reference-readers.js';
import type { Outcome } from '../../tools/fuzz/tally.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'bures-fuzz-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => {
  const folder = path.join(scratch, String(folders++));
  mkdirSync(folder);
  return folder;
};

/** Inputs of each class that are tried here; `npm run test:fuzz` tries thousands. */
const damagedInputs = 40;

const outcomeOf: Readonly<Record<PlantedFault, Outcome>> = {
  accept: 'accepted',
  refuse: 'refused',
  'refuse without a name': 'raw',
  'say undefined': 'raw',
  'raw error': 'raw',
  loop: 'hang',
  exit: 'crash',
  'fill the heap': 'crash',
  'fill memory beside the heap': 'crash',
};

describe('the harness', () => {
  it('notices and counts every planted fault, and keeps the inputs', async () => {
    const [seed, count] = [1593, 10];
    const faults = Array.from({ length: count }, (_, index) => new Draw('planted', seed + index).pick(plantedOrder));
    expect(new Set(faults)).toEqual(new Set(plantedOrder));
    const { tally, findings } = await runCampaign({
      classes: ['planted'],
      seed,
      count,
      seconds: Number.POSITIVE_INFINITY,
      workers: 2,
      limits: { seconds: 3, bytes: 400 * 2 ** 20 },
      keepAll: false,
    });
    try {
      const expected: Record<Outcome, number> = { refused: 0, accepted: 0, raw: 0, hang: 0, crash: 0 };
      for (const fault of faults) expected[outcomeOf[fault]]++;
      expect(tally.counts.get('planted')).toEqual(expected);
      expect(tally.failures).toBe(expected.raw + expected.hang + expected.crash);
      // Each cause once, with seeds that lead back to it.
      const failing = new Set(faults.filter((fault) => !['accept', 'refuse'].includes(fault)));
      const found = [...tally.findings.values()];
      expect(found.reduce((sum, finding) => sum + finding.count, 0)).toBe(tally.failures);
      for (const finding of found) {
        for (const one of finding.seeds) {
          const fault = new Draw('planted', one).pick(plantedOrder);
          expect(outcomeOf[fault], fault).toBe(finding.kind);
          failing.delete(fault);
        }
        const kept = path.join(findings, `planted-${finding.seeds[0]}`, 'fault');
        expect(outcomeOf[readFileSync(kept, 'utf8') as PlantedFault]).toBe(finding.kind);
      }
      expect(failing).toEqual(new Set());
      expect(tally.table().split('\n')[1]).toMatch(/^planted +10 /);
    } finally {
      rmSync(findings, { recursive: true });
    }
  });

  it('ends when the time is up', async () => {
    const settings = { classes: ['planted'], seed: 0, workers: 1, limits: { seconds: 1, bytes: 2 ** 30 }, keepAll: false };
    const { tally, findings } = await runCampaign({ ...settings, count: Number.POSITIVE_INFINITY, seconds: 0 });
    expect(tally.failures).toBe(0);
    expect(existsSync(findings)).toBe(true);
    rmSync(findings, { recursive: true });
  });
});

describe('a verdict', () => {
  const fuzzClass = { name: 'x', refusal: /^readX: / };

  it.each([
    ['readX: expected a number, got "undefined"; write one', 'refused'],
    ["readX: 'NaN' is not a key; the keys are a, b", 'refused'],
    ['readX: must be at least 1, got NaN; pass such a number', 'refused'],
    ['readX: expected a number, got undefined; write one', 'raw'],
    ['readX: expected a number, got [object Object]; write one', 'raw'],
    ['readX: expected NaN bytes, got 3; fetch it again', 'raw'],
    ['/tmp/x: expected a number; write one', 'raw'],
  ])('on %j is %s', (message, kind) => {
    expect(judge(fuzzClass, new FormatError(message)).kind).toBe(kind);
  });

  it('on an error of another kind is raw, whatever it says', () => {
    for (const error of [new TypeError('readX: no'), new RangeError('readX: no'), 'readX: no', undefined]) {
      expect(judge(fuzzClass, error).kind).toBe('raw');
    }
  });

  it('finds what a program shows that did not look', () => {
    expect(artefactIn('rank undefined')).toBe('undefined');
    expect(artefactIn('[object Array]')).toBe('[object Array]');
    expect(artefactIn('undefinedness of nanometres')).toBeUndefined();
  });
});

describe.each(classNames)('inputs of the class %s', (name) => {
  it('are accepted where they are not damaged', async () => {
    const fuzzClass = await loadClass(name);
    const target = await fuzzClass.prepare();
    for (let seed = 0; seed < 10; seed++) {
      const verdict = await tryInput(fuzzClass, target, seed, newFolder(), false);
      expect(verdict, `seed ${seed}: ${verdict.message}`).toMatchObject({ kind: 'accepted' });
    }
  });

  it('are accepted, or refused by name, where they are damaged', async () => {
    const fuzzClass = await loadClass(name);
    const target = await fuzzClass.prepare();
    const kinds = new Set<string>();
    for (let seed = 0; seed < damagedInputs; seed++) {
      const folder = newFolder();
      const verdict = await tryInput(fuzzClass, target, seed, folder);
      expect(verdict, `seed ${seed}: ${verdict.message}\n${verdict.stack}`).not.toMatchObject({ kind: 'raw' });
      kinds.add(verdict.kind);
      rmSync(folder, { recursive: true });
    }
    // Not all is noise: the changes are small, and some do no harm.
    expect(kinds).toEqual(new Set(['accepted', 'refused']));
  });

  it('are the same again from the same seed, and others from others', async () => {
    const fuzzClass = await loadClass(name);
    const target = await fuzzClass.prepare();
    const made = (seed: number): string => {
      const folder = newFolder();
      target.write(new Draw(fuzzClass.name, seed), folder, true);
      return filesOf(folder);
    };
    const inputs = Array.from({ length: 8 }, (_, seed) => made(seed));
    expect(Array.from({ length: 8 }, (_, seed) => made(seed))).toEqual(inputs);
    expect(new Set(inputs).size).toBeGreaterThan(4);
  });
});

function filesOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name}: ${readFileSync(path.join(entry.parentPath, entry.name), 'base64')}`)
    .sort()
    .join('\n');
}

it('asks NumPy and safetensors where there is a Python that has them', async () => {
  const readers = new ReferenceReaders();
  try {
    const fixtures = path.resolve(import.meta.dirname, '../fixtures');
    const files = { npy: path.join(fixtures, 'npy/float64.npy'), safetensors: path.join(fixtures, 'models/rounding.safetensors') };
    for (const kind of ['npy', 'safetensors'] as const) {
      if (!readers.kinds.has(kind)) {
        expect(readers.notice).toContain(`accepted ${kind} files are not compared`);
        continue;
      }
      // Asked at once, answered each.
      const other = kind === 'npy' ? files.safetensors : files.npy;
      const [first, second, third] = await Promise.all([files[kind], other, files[kind]].map((file) => readers.refusal(kind, file)));
      expect([first, third]).toEqual([null, null]);
      expect(second).toMatch(/Error/);
      if (kind !== 'npy') continue;
      // What the library read stands beside a file: other values are noticed, and another shape.
      const copy = path.join(newFolder(), 'array.npy');
      copyFileSync(files.npy, copy);
      const la = hostAlgebra();
      const array = await readNpy(la, files.npy);
      const read = [la.shape(array).length, ...la.shape(array), ...la.toArray(array)];
      const verdictOn = async (values: readonly number[]): Promise<string | null> => {
        writeFileSync(valuesBeside(copy), Buffer.from(Float64Array.from(values).buffer));
        return readers.refusal('npy', copy);
      };
      expect(await verdictOn(read)).toBeNull();
      expect(await verdictOn(read.with(-1, 1.25e-7))).toMatch(/the values are others/);
      expect(await verdictOn([1, read.length, ...read])).toMatch(/the shape is/);
    }
  } finally {
    readers.close();
  }
});
