/** `readTriplets` with times, and entries without a value; `writeNpyIntegers`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, hostAlgebra } from '../../src/index.js';
import { type ReadTripletsOptions, readNpy, readTriplets } from '../../src/io/index.js';
import { writeNpyIntegers } from '../../src/io/npy/npy.js';

const la = hostAlgebra();
let folder: string;
const read = async (text: string, options: ReadTripletsOptions) => {
  const file = path.join(folder, 'data');
  await writeFile(file, text);
  return readTriplets(la, file, options);
};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bures-times-'));
});
afterAll(() => rm(folder, { recursive: true }));

const byName = { row: 'who', column: 'what', value: 'stars', time: 'when' } as const;

describe('times', () => {
  it('come in the order of the entries, which are sorted by rows', async () => {
    const { times, matrix, rowLabels } = await read('when,who,what,stars\n7,b,x,1\n3,a,x,2\n-1.5,b,y,3\n5,a,z,4\n', { fields: byName });
    expect(rowLabels).toEqual(['b', 'a']);
    expect(Array.from(la.toArray(matrix.values))).toEqual([1, 3, 2, 4]);
    expect(times).toEqual(Float64Array.of(7, -1.5, 3, 5));
  });

  it('may be dates of ISO 8601, in UTC unless they name an offset', async () => {
    const dates = ['2024-05-31', '2024-05-31 12:00', '2024-05-31T12:00:01.5Z', '"2024-05-31T12:00:00+02:00"'];
    const text = dates.map((date, k) => `a,${k},1,${date}`).join('\n');
    const { times } = await read(text, { fields: { row: 0, column: 1, value: 2, time: 3 } });
    const noon = Date.UTC(2024, 4, 31, 12);
    expect(times).toEqual(Float64Array.of(Date.UTC(2024, 4, 31), noon, noon + 1500, noon - 7_200_000));
  });

  it.each([
    ['a,x,1,soon\n', /data:1: expected a time, as a number or a date such as 2024-05-31 12:00:00, in field 4, got/],
    ['a,x,1,5\nb,x,1,2024-05-31\n', /data:2: expected a time as a number, as on the lines before, in field 4/],
    ['a,x,1,2024-05-31\nb,x,1,\n', /data:2: expected a time as a date, as on the lines before, in field 4/],
    ['a,x,1,2024-13-41\n', /data:1: expected a time/],
    ['a,x,1\n', /data:1: expected at least 4 fields/],
  ])('of %j are refused with file and line', async (text, message) => {
    const refused = read(text, { fields: { row: 0, column: 1, value: 2, time: 3 } });
    await expect(refused).rejects.toThrow(FormatError);
    await expect(refused).rejects.toThrow(message);
  });

  it('are not there unless they are asked for, and a name that the header lacks is refused', async () => {
    expect((await read('who,what,stars,when\na,x,1,soon\n', {})).times).toBeUndefined();
    await expect(read('who,what,stars\na,x,1\n', { fields: byName })).rejects.toThrow(
      'expected a field named "when", got who, what, stars',
    );
  });
});

describe('entries without a value', () => {
  it('have the value 1, and a header if fields are named', async () => {
    const bare = await read('a,x\nb,x\na,y\n', { fields: { row: 0, column: 1 } });
    expect(Array.from(la.toArray(bare.matrix.values))).toEqual([1, 1, 1]);
    expect(bare.rowLabels).toEqual(['a', 'b']);
    const named = await read('what,who\nx,a\ny,b\n', { fields: { row: 'who', column: 'what' } });
    expect([named.rowLabels, named.columnLabels]).toEqual([
      ['a', 'b'],
      ['x', 'y'],
    ]);
  });
});

it('integers are written as NumPy reads them', async () => {
  const file = path.join(folder, 'integers.npy');
  const values = Int32Array.from({ length: 70_000 }, (_, k) => (k % 2 === 0 ? k : -k));
  await writeNpyIntegers('test', file, values);
  const back = await readNpy(la, file);
  expect(back.shape).toEqual([70_000]);
  expect(la.toArray(back)).toEqual(Float64Array.from(values));
});
