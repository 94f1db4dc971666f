/**
 * Event files as TensorBoard reads them: records framed by TensorFlow's TFRecord format, each an `Event` in
 * protocol-buffer encoding. Only scalars are written.
 *
 * See tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto for the field numbers.
 */

import path from 'node:path';
import { appendWhole } from '../files/append-whole.node.js';
import { thisMachine } from '../machine.node.js';
import { maskedCrc32c } from './crc32c.js';

/** Named numbers of a step. */
export type Scalars = Readonly<Record<string, number>>;

/** An event file that scalars are written to. */
export interface EventFile {
  /** Appends the numbers of a step. */
  write(step: number, scalars: Scalars): Promise<void>;
}

/**
 * Begins a new event file in a folder. TensorBoard reads all of a folder's files as one run.
 *
 * @param folder - the run's folder.
 * @param firstStep - the first step that will be written. TensorBoard drops what earlier files hold from there on, as a
 * resumed run needs.
 */
export async function openEventFile(folder: string, firstStep: number): Promise<EventFile> {
  const seconds = Date.now() / 1000;
  const name = `events.out.tfevents.${String(Math.floor(seconds)).padStart(10, '0')}.${thisMachine().host}.${process.pid}.${firstStep}`;
  const file = path.join(folder, name);
  const start = [record(versionEvent(seconds))];
  if (firstStep > 1) start.push(record(restartEvent(seconds, firstStep)));
  await appendWhole(file, Buffer.concat(start), 'create');
  return { write: (step, scalars) => appendWhole(file, record(scalarEvent(Date.now() / 1000, step, scalars)), 'refuse') };
}

/** Encodes a record: length, its masked checksum, data, their masked checksum. */
export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

/** `Event { wall_time = 1, file_version = 3 }`: the first of a file. */
function versionEvent(wallTime: number): Uint8Array {
  return Buffer.concat([double(1, wallTime), text(3, 'brain.Event:2')]);
}

/** `Event { wall_time = 1, step = 2, session_log = 7 { status = 1: START } }`. */
function restartEvent(wallTime: number, step: number): Uint8Array {
  return Buffer.concat([double(1, wallTime), integer(2, step), message(7, integer(1, 1))]);
}

/** `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } … } }`. */
export function scalarEvent(wallTime: number, step: number, scalars: Scalars): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => message(1, Buffer.concat([text(1, tag), float(2, value)])));
  return Buffer.concat([double(1, wallTime), integer(2, step), message(5, Buffer.concat(values))]);
}

/** Wire types of protocol buffers. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function key(field: number, type: number): Uint8Array {
  return varint(field * 8 + type);
}

/** Encodes a number up to 2⁵³, seven bits per byte, least significant first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

function integer(field: number, value: number): Uint8Array {
  return Buffer.concat([key(field, wire.varint), varint(value)]);
}

function double(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, wire.fixed64), bytes]);
}

function float(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, wire.fixed32), bytes]);
}

function message(field: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([key(field, wire.bytes), varint(content.length), content]);
}

function text(field: number, value: string): Uint8Array {
  return message(field, Buffer.from(value, 'utf8'));
}
