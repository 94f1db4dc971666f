/** The files that grow: event files as TensorBoard reads them, JSON lines that a kill may tear. */
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BackendError } from 'bures';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendLine, keepLines, readObjects } from '../../src/io/json-lines.node.js';
import { crc32c, maskedCrc32c } from '../../src/io/tensorboard/crc32c.js';
import { openEventFile, record, scalarEvent } from '../../src/io/tensorboard/event-file.node.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-run-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('event files', () => {
  it('are guarded by CRC-32C, with the check values of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    // TensorFlow's header of an empty record: the length 0 and its masked checksum.
    expect(maskedCrc32c(new Uint8Array(8))).toBe(0x07980329);
  });

  it('frame and encode as TensorFlow does, byte for byte', () => {
    // The first record of every file that TensorFlow writes, at wall time 1577836800: Event { wall_time, file_version:
    // 'brain.Event:2' }.
    const version = Buffer.from('090000008002 83d741 1a0d 627261696e2e4576656e743a32'.replaceAll(' ', ''), 'hex');
    expect(record(version).subarray(0, 12).toString()).toBe(record(new Uint8Array(24)).subarray(0, 12).toString());
    expect(Buffer.from(record(version)).subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22');
    // Event { wall_time: 0.5, step: 300, summary { value { tag: 'loss', simple_value: 1.5 } } }, decoded by hand from
    // event.proto.
    const event = '09000000000000e03f10ac022a0d0a0b0a046c6f7373150000c03f';
    expect(Buffer.from(scalarEvent(0.5, 300, { loss: 1.5 })).toString('hex')).toBe(event);
  });

  it('are read back by a reader of the format, checksums and all', async () => {
    const folder = mkdtempSync(path.join(root, 'events-'));
    const events = await openEventFile(folder, 7);
    await events.write(7, { 'train/loss': 2.5, 'train/rate': 1e-3 });
    await events.write(2 ** 40, { 'valid/loss': Number.NaN });
    const [file] = readdirSync(folder);
    expect(file).toMatch(/^events\.out\.tfevents\.\d{10}\.[^/]+$/);
    const read = readEvents(readFileSync(path.join(folder, file)));
    expect(read.map(({ version, step, restart }) => ({ version, step, restart }))).toEqual([
      { version: 'brain.Event:2', step: 0, restart: false },
      { version: undefined, step: 7, restart: true },
      { version: undefined, step: 7, restart: false },
      { version: undefined, step: 2 ** 40, restart: false },
    ]);
    expect(read[2].scalars).toEqual({ 'train/loss': 2.5, 'train/rate': Math.fround(1e-3) });
    expect(read[3].scalars).toEqual({ 'valid/loss': Number.NaN });
    for (const { wallTime } of read) expect(Math.abs(wallTime - Date.now() / 1000)).toBeLessThan(100);
  });
});

describe('JSON lines', () => {
  it('torn anywhere are read up to the tear, and mended', async () => {
    const file = path.join(root, 'torn.jsonl');
    const lines = [
      { step: 1, loss: 0.1 + 0.2 },
      { step: 2, note: 'a\nb ü' },
      { step: 3, loss: 'NaN' },
    ];
    const texts = lines.map((line) => `${JSON.stringify(line)}\n`);
    const ends = texts.map((_, i) => Buffer.byteLength(texts.slice(0, i + 1).join('')));
    const text = texts.join('');
    for (const cut of new Set([0, 1, 7, ...ends, ...ends.map((end) => end - 1), ...ends.slice(0, 2).map((end) => end + 1)])) {
      writeFileSync(file, text);
      truncateSync(file, cut);
      const whole = lines.slice(0, ends.filter((end) => end <= cut).length);
      expect(await readObjects('test', file)).toEqual(whole);
      await keepLines('test', file, ({ step }) => (step as number) < 3);
      await appendLine(file, { step: 9, loss: Number.POSITIVE_INFINITY });
      expect(await readObjects('test', file)).toEqual([...whole.filter(({ step }) => step < 3), { step: 9, loss: 'Infinity' }]);
    }
  });

  it('are not created again where they have been written to', async () => {
    const file = path.join(root, 'taken.jsonl');
    await expect(appendLine(file, {}, 'refuse')).rejects.toThrow(BackendError);
    expect(existsSync(file)).toBe(false);
    await appendLine(file, { step: 1 });
    await appendLine(file, { step: 2 }, 'refuse');
    expect(await readObjects('test', file)).toEqual([{ step: 1 }, { step: 2 }]);
  });

  it('keep what fast-check puts into them', async () => {
    const file = path.join(root, 'any.jsonl');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())), async (objects) => {
        writeFileSync(file, '');
        for (const object of objects) await appendLine(file, object);
        expect(await readObjects('test', file)).toEqual(JSON.parse(JSON.stringify(objects)));
      }),
      { numRuns: 50 },
    );
  });

  it('that are no objects are refused by number; no file is no lines', async () => {
    const file = path.join(root, 'bad.jsonl');
    expect(await readObjects('test', file)).toEqual([]);
    for (const bad of ['{', '3', '[1]', '']) {
      writeFileSync(file, '{}\n');
      appendFileSync(file, `${bad}\n{}\n`);
      await expect(readObjects('test', file)).rejects.toThrow(`${file}:2: expected a JSON object`);
    }
  });
});

interface ReadEvent {
  wallTime: number;
  step: number;
  version: string | undefined;
  restart: boolean;
  scalars: Record<string, number>;
}

/**
 * A reader written from the format's description, apart from the writer: TFRecord framing, then protocol buffers field
 * by field.
 */
function readEvents(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data));
    const event: ReadEvent = { wallTime: 0, step: 0, version: undefined, restart: false, scalars: {} };
    for (const [field, value] of fields(data)) {
      if (field === 1) event.wallTime = (value as Buffer).readDoubleLE();
      else if (field === 2) event.step = value as number;
      else if (field === 3) event.version = (value as Buffer).toString();
      else if (field === 7) event.restart = fields(value as Buffer).some(([inner, status]) => inner === 1 && status === 1);
      else if (field === 5) {
        for (const [, entry] of fields(value as Buffer)) {
          const parts = new Map(fields(entry as Buffer));
          event.scalars[(parts.get(1) as Buffer).toString()] = (parts.get(2) as Buffer).readFloatLE();
        }
      } else throw new Error(`field ${field}`);
    }
    events.push(event);
    at += 16 + length;
  }
  return events;
}

function fields(bytes: Buffer): [number, number | Buffer][] {
  const found: [number, number | Buffer][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const sizes: Record<number, number> = { 1: 8, 5: 4 };
    if (key % 8 === 0) found.push([key >> 3, varint()]);
    else {
      const size = key % 8 === 2 ? varint() : sizes[key % 8];
      found.push([key >> 3, bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  return found;
}
