/**
 * The port to files: this machine's, and those of a web server that gives ranges, ignores them, refuses or breaks off.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Files, nodeFiles, openSafetensors, readAll, webFiles, writeCheckpoint } from 'bures/io';
import { loadCausalLM, loadTokenizer } from 'bures/models';
import { afterEach, describe, expect, it } from 'vitest';
import { BackendError, BuresError, ConfigError, FormatError, NotImplementedError } from '../../src/index.js';
import { tensorEngines } from '../support/engines.js';
import { type Answer, type Serving, startServer, withoutRanges, withRanges } from '../support/file-servers.js';
import { owned } from '../support/owned.js';
import { useFolder } from './safetensors/support.js';

const checkpoint = path.join(import.meta.dirname, '../fixtures/models/tiny-qwen2');
const inFolder = useFolder();

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

/** Starts a server on this machine for the rest of the test. */
async function serve(answer: Answer): Promise<Serving> {
  const serving = await startServer(answer);
  running.push(serving.stop);
  return serving;
}

/** The error of a promise that must fail with an error of the library. */
async function errorOf(promise: Promise<unknown>): Promise<BuresError> {
  const error: unknown = await promise.then(
    () => 'no error',
    (cause) => cause,
  );
  expect(error).toBeInstanceOf(BuresError);
  return error as BuresError;
}

async function filesOver(kind: string, folder: string): Promise<{ readonly files: Files; readonly at: (name: string) => string }> {
  if (kind === 'nodeFiles') return { files: nodeFiles, at: (name) => path.join(folder, name) };
  const { base } = await serve(kind === 'ranges' ? withRanges(folder) : withoutRanges(folder));
  return { files: webFiles(base), at: (name) => name };
}

describe.each(['nodeFiles', 'ranges', 'no ranges'])('files through %s', (kind) => {
  it('are described, and read whole and by ranges', async () => {
    const folder = inFolder(kind);
    await mkdir(path.join(folder, 'sub'), { recursive: true });
    const content = Uint8Array.from({ length: 1000 }, (_, i) => (7 * i) % 256);
    // Signs that mean something else in an address.
    const name = 'sub/100% #1?.bin';
    await writeFile(path.join(folder, name), content);
    const { files, at } = await filesOver(kind, folder);
    expect(await files.describe(at(name))).toEqual({ kind: 'file', bytes: 1000 });
    expect(await files.describe(at('sub/absent'))).toBeUndefined();
    expect(await readAll(files, at(name))).toEqual(content);
    const file = await files.open(at(name));
    expect(file.bytes).toBe(1000);
    const part = new Uint8Array(300);
    expect(await file.read(part, 400)).toBe(300);
    expect(part).toEqual(content.subarray(400, 700));
    // Beyond the end it gives what there is, and then nothing.
    part.fill(0);
    expect(await file.read(part, 950)).toBe(50);
    expect(part).toEqual(Uint8Array.from([...content.subarray(950), ...new Uint8Array(250)]));
    expect(await file.read(part, 1000)).toBe(0);
    expect(await file.read(part, 5000)).toBe(0);
    await file.close();
  });

  it('may be empty', async () => {
    const folder = inFolder(`${kind} empty`);
    await mkdir(folder);
    await writeFile(path.join(folder, 'empty'), '');
    const { files, at } = await filesOver(kind, folder);
    expect(await files.describe(at('empty'))).toEqual({ kind: 'file', bytes: 0 });
    expect(await readAll(files, at('empty'))).toEqual(new Uint8Array(0));
  });

  it('give a checkpoint, sharded or not, as this machine does', async () => {
    const sharded = inFolder(`${kind} sharded`);
    const expected = await openSafetensors(checkpoint);
    const tensors = new Map<string, { dtype: 'F32'; shape: readonly number[]; data: Float32Array }>();
    for (const [name, { shape }] of expected.entries)
      tensors.set(name, { dtype: 'F32', shape, data: (await expected.read(name)) as Float32Array });
    await expected.close();
    await writeCheckpoint(sharded, tensors, { maxShardBytes: 100_000 });
    await copyFile(path.join(sharded, 'model.safetensors.index.json'), path.join(sharded, 'x.safetensors.index.json'));
    const whole = await filesOver(kind, checkpoint);
    const parts = await filesOver(kind, sharded);
    for (const [{ files, at }, location] of [
      [whole, ''],
      [whole, 'model.safetensors'],
      [parts, ''],
      [parts, 'model.safetensors.index.json'],
      [parts, 'x.safetensors.index.json'],
    ] as const) {
      const store = await openSafetensors(at(location), { files });
      expect([...store.entries.keys()].sort()).toEqual([...tensors.keys()].sort());
      for (const [name, { data }] of tensors) expect(await store.read(name), name).toEqual(data);
      await store.close();
    }
  });

  it('give a tokenizer and a model', async () => {
    const { files, at } = await filesOver(kind, path.dirname(checkpoint));
    const [there, here] = [await loadTokenizer(at('tiny-qwen2'), { files }), await loadTokenizer(checkpoint)];
    const ids = here.encode('the cat sat');
    expect(there.encode('the cat sat')).toEqual(ids);
    const messages = [{ role: 'user', content: 'hello' }];
    expect(there.applyChatTemplate(messages)).toBe(here.applyChatTemplate(messages));
    const [, algebra] = tensorEngines[0];
    const models = [owned(await loadCausalLM(at('tiny-qwen2'), { algebra, files })), owned(await loadCausalLM(checkpoint, { algebra }))];
    const batch = {
      batch: 1,
      length: ids.length,
      inputIds: Int32Array.from(ids),
      attentionMask: new Uint8Array(ids.length).fill(1),
      labels: Int32Array.from(ids),
    };
    const [loss, expected] = [await models[0].loss(batch), await models[1].loss(batch)];
    expect(loss).toEqual(expected);
  });
});

describe('nodeFiles', () => {
  it('tells folders from files, lists and writes', async () => {
    const folder = inFolder('written');
    await nodeFiles.write(nodeFiles.join(folder, 'x.txt'), 'some text');
    expect(await nodeFiles.describe(folder)).toEqual({ kind: 'folder', bytes: 0 });
    expect(await nodeFiles.list(folder)).toEqual(['x.txt']);
    expect(await readFile(path.join(folder, 'x.txt'), 'utf8')).toBe('some text');
    // What is below a file is missing, not an error.
    expect(await nodeFiles.describe(path.join(folder, 'x.txt', 'y'))).toBeUndefined();
    await expect(nodeFiles.open(path.join(folder, 'absent'))).rejects.toThrow('ENOENT');
  });
});

describe('readAll', () => {
  it('goes on after short reads, stops where the file has become shorter, and always closes it', async () => {
    let closed = 0;
    const filesOf = (bytes: number, read: (target: Uint8Array, position: number) => Promise<number>): Files => ({
      ...nodeFiles,
      open: async () => ({ bytes, read, close: async () => void closed++ }),
    });
    const three = async (target: Uint8Array, position: number): Promise<number> => {
      const count = Math.max(0, Math.min(3, target.length, 8 - position));
      for (let i = 0; i < count; i++) target[i] = position + i;
      return count;
    };
    expect(await readAll(filesOf(7, three), 'x')).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6));
    expect(await readAll(filesOf(10, three), 'x')).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
    const broken = filesOf(10, async () => Promise.reject(new Error('the disk is gone')));
    await expect(readAll(broken, 'x')).rejects.toThrow('the disk is gone');
    expect(closed).toBe(3);
  });
});

describe('webFiles', () => {
  it('reads ranges only, one request each', async () => {
    const { base, requests } = await serve(withRanges(checkpoint));
    const file = await webFiles(base).open('config.json');
    await file.read(new Uint8Array(10), 5);
    await file.close();
    expect(requests).toEqual(['/config.json bytes=0-0', '/config.json bytes=5-14']);
  });

  it.each([
    ['an ETag', (version: number) => ({ etag: `"${version}"` })],
    ['the time of the last change', (version: number) => ({ 'last-modified': new Date(1e12 + 1e6 * version).toUTCString() })],
  ])('tells by %s that a file has been replaced by one of the same length', async (_what, headersOf) => {
    let version = 1;
    const { base } = await serve(({ headers }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
      const content = Buffer.alloc(10, version);
      response
        .writeHead(206, { ...headersOf(version), 'content-range': `bytes ${first}-${last}/10` })
        .end(content.subarray(Number(first), Number(last) + 1));
    });
    const file = await webFiles(base).open('weights');
    const half = new Uint8Array(5);
    await file.read(half, 0);
    expect([...half]).toEqual([1, 1, 1, 1, 1]);
    version = 2;
    const error = await errorOf(file.read(half, 5));
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatch(
      /^webFiles: expected http.*weights as it was when it was opened, but it has changed since; open it again$/,
    );
  });

  it.each([408, 429, 503])('says of the answer %d that it may come later', async (status) => {
    const { base } = await serve((_, response) => void response.writeHead(status).end());
    expect((await errorOf(readAll(webFiles(base), 'x'))).message).toMatch(/try again later/);
  });

  it('resolves all paths below its address, with or without a slash at the end', async () => {
    const { base, requests } = await serve((_, response) => void response.end('x'));
    for (const root of [`${base}a/b`, `${base}a/b/`, new URL(`${base}a/b`)]) {
      const files = webFiles(root);
      for (const file of ['c.txt', '/c.txt', './c.txt', files.join('', 'c.txt'), files.join('.', 'c.txt'), files.join('/', 'c.txt')])
        await readAll(files, file);
      await readAll(files, files.join('d/', 'c.txt'));
    }
    expect(new Set(requests)).toEqual(new Set(['/a/b/c.txt bytes=0-0', '/a/b/d/c.txt bytes=0-0']));
  });

  it('refuses addresses of other kinds, lists and writing', async () => {
    for (const base of ['models/', 'file:///models/', 'ftp://localhost/', 7 as unknown as string])
      expect(() => webFiles(base)).toThrow(ConfigError);
    expect(() => webFiles('models/')).toThrow(
      `webFiles: expected an http or https address, got "models/"; pass one such as 'https://example.org/models/'`,
    );
    const files = webFiles('http://localhost/');
    await expect(files.list('x')).rejects.toThrow(NotImplementedError);
    await expect(files.list('x')).rejects.toThrow('webFiles: a web server does not offer the names in a folder; name the file itself');
    await expect(files.write('x', 'y')).rejects.toThrow(NotImplementedError);
  });

  it('reads what a server gives whole if it does not know the length, or gives less of a range', async () => {
    const content = Buffer.from('0123456789');
    const { base } = await serve(({ headers, url }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
      if (first === undefined) return void response.end(content);
      const end = Math.min(Number(last), Number(first) + 2, 9);
      const total = url === '/unknown' ? '*' : '10';
      response.writeHead(206, { 'content-range': `bytes ${first}-${end}/${total}` }).end(content.subarray(Number(first), end + 1));
    });
    const files = webFiles(base);
    expect(Buffer.from(await readAll(files, 'unknown')).toString()).toBe('0123456789');
    expect(await files.describe('unknown')).toEqual({ kind: 'file', bytes: 10 });
    expect(Buffer.from(await readAll(files, 'short')).toString()).toBe('0123456789');
  });

  /** A server that answers rightly when a file is opened, so that the reading of a range is what fails. */
  const afterOpening =
    (answer: Answer): Answer =>
    (request, response) =>
      request.headers.range === 'bytes=0-0'
        ? void response.writeHead(206, { 'content-range': 'bytes 0-0/1000' }).end('x')
        : answer(request, response);
  const whole: Answer = (_, response) => void response.writeHead(200).end('x'.repeat(1000));

  it.each<[string, Answer, string]>([
    ['404', (_, response) => void response.writeHead(404).end(), 'expected a file at URL, there is none; check the address'],
    [
      '401',
      (_, response) => void response.writeHead(401).end(),
      'expected the bytes 0-0 of URL, got the answer 401 Unauthorized; check the address, and that it may be read without signing in',
    ],
    [
      '500',
      (_, response) => void response.writeHead(500).end('oops'),
      'expected the bytes 0-0 of URL, got the answer 500 Internal Server Error; try again later, or fetch the whole file and read that',
    ],
    [
      '500 on a range',
      afterOpening((_, response) => void response.writeHead(500).end('oops')),
      'expected the bytes 0-999 of URL, got the answer 500 Internal Server Error; try again later, or fetch the whole file and read that',
    ],
    [
      'a file removed meanwhile',
      afterOpening((_, response) => void response.writeHead(404).end()),
      'expected the bytes 0-999/1000 of URL, got the answer 404 Not Found; check the address, and that it may be read without signing in',
    ],
    [
      'ranges given up',
      afterOpening(whole),
      'expected the bytes 0-999/1000 of URL, got the answer 200 OK; try again later, or fetch the whole file and read that',
    ],
    [
      'another range',
      afterOpening((_, response) => void response.writeHead(206, { 'content-range': 'bytes 1-1000/1000' }).end('x'.repeat(1000))),
      "expected the bytes 0-999/1000 of URL, got the answer 206 Partial Content with the range 'bytes 1-1000/1000'; try again later, or fetch the whole file and read that",
    ],
    [
      'another length',
      afterOpening((_, response) => void response.writeHead(206, { 'content-range': 'bytes 0-999/2000' }).end('x'.repeat(1000))),
      "expected the bytes 0-999/1000 of URL, got the answer 206 Partial Content with the range 'bytes 0-999/2000'; try again later, or fetch the whole file and read that",
    ],
    [
      'no range',
      (_, response) => void response.writeHead(206).end('x'),
      'expected the content of URL, got the answer 206 Partial Content; try again later, or fetch the whole file and read that',
    ],
    [
      'fewer bytes than it says',
      afterOpening((_, response) => void response.writeHead(206, { 'content-range': 'bytes 0-999/1000' }).end('x'.repeat(500))),
      'expected the bytes 0-999 of URL, got 500 bytes; try again later, or fetch the whole file and read that',
    ],
    [
      'a connection cut in the middle of a range',
      afterOpening((_, response) => {
        response.writeHead(206, { 'content-range': 'bytes 0-999/1000', 'content-length': 1000 });
        response.write('x'.repeat(500), () => response.destroy());
      }),
      'cannot read URL (REASON); check the address and the network, then try again',
    ],
    [
      'a connection cut in the middle of a whole file',
      (_, response) => {
        response.writeHead(200, { 'content-length': 1000 });
        response.write('x'.repeat(500), () => response.destroy());
      },
      'cannot read URL (REASON); check the address and the network, then try again',
    ],
    [
      'a connection cut at once',
      (_, response) => void response.destroy(),
      'cannot read URL (REASON); check the address and the network, then try again',
    ],
  ])('throws a BackendError with address and remedy for %s', async (_, answer, message) => {
    const { base } = await serve(answer);
    const error = await errorOf(readAll(webFiles(base), 'models/x.bin'));
    expect(error).toBeInstanceOf(BackendError);
    expect(error.code).toBe('BURES_BACKEND');
    // The reason why a connection broke is told in the words of Node.js.
    expect(error.message.replace(/ \(.+\);/, ' (REASON);')).toBe(`webFiles: ${message.replace('URL', `${base}models/x.bin`)}`);
    // The readers of formats pass the message on, in an error of their own that names the path.
    const files = webFiles(base);
    expect(await errorOf(openSafetensors('x.safetensors', { files }))).toBeInstanceOf(FormatError);
    expect(await errorOf(loadTokenizer('x', { files }))).toBeInstanceOf(FormatError);
  });

  it('throws a BackendError if nobody answers', async () => {
    const { base } = await serve(() => undefined);
    await running.splice(0)[0]();
    const files = webFiles(base);
    for (const fail of [() => files.describe('x'), () => readAll(files, 'x')]) {
      const error = await errorOf(fail());
      expect(error).toBeInstanceOf(BackendError);
      expect(error.message).toContain(`webFiles: cannot read ${base}x (connect ECONNREFUSED`);
      expect(error.cause).toBeInstanceOf(TypeError);
    }
  });

  it('lets a model that is missing, or only half there, be named with the reason', async () => {
    const missing = webFiles((await serve(withRanges(inFolder()))).base);
    const [, algebra] = tensorEngines[0];
    expect((await errorOf(loadCausalLM('absent', { algebra, files: missing }))).message).toMatch(
      /^loadCausalLM: cannot read absent\/config\.json \(webFiles: expected a file at http:.*\/absent\/config\.json, there is none; check the address\)/,
    );
    const { base } = await serve((request, response) =>
      request.url === '/config.json' ? withRanges(checkpoint)(request, response) : void response.writeHead(503).end(),
    );
    expect((await errorOf(loadCausalLM('', { algebra, files: webFiles(base) }))).message).toContain(
      `${base}model.safetensors, got the answer 503 Service Unavailable`,
    );
  });
});
