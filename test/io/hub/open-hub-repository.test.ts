/**
 * Downloads from a hub of the test's own: what is asked, what lies in the cache afterwards, and what each failure says.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type DownloadProgress, type OpenHubRepositoryOptions, openHubRepository } from 'bures/io';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoopbackHub, startLoopbackHub } from '../../support/loopback-hub.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const root = temporaryFolder('hub');
let hub: LoopbackHub;
/** The cache of one test. */
let home = '';
let commit = '';

/** Bytes without a pattern, so that no part of them is like another. */
const noise = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0, state = seed; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
};
const large = noise(300_000);
const files = { 'config.json': '{"a": 1}', 'folder/notes.txt': 'notes', 'model.safetensors': large, 'other.bin': noise(50_000, 2) };

beforeAll(async () => {
  hub = await startLoopbackHub({ pageSize: 2 });
});
afterAll(() => hub.close());

let count = 0;
beforeEach(() => {
  home = path.join(root, `home-${count++}`);
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', '');
  commit = hub.serve('models/owner/model', { files, revisions: ['main', 'v1', 'refs/pr/1'] });
  hub.forget();
});
afterEach(() => vi.unstubAllEnvs());

const folder = (): string => path.join(home, 'hub', 'models--owner--model');
const open = (options: OpenHubRepositoryOptions = {}, name = 'owner/model') => openHubRepository(name, options);
/** Opens and downloads the large file, and one small one. */
async function fetchBoth(options: OpenHubRepositoryOptions = {}): Promise<string> {
  return (await open(options)).download(['config.json', 'model.safetensors']);
}
const errorOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('expected an error');
    },
    (error: Error) => error,
  );

describe('the cache', () => {
  it('has the layout of Python: blobs by hash, relative links, refs, and the list of files', async () => {
    const snapshot = await fetchBoth();
    expect(snapshot).toBe(path.join(folder(), 'snapshots', commit));
    expect(readFileSync(path.join(snapshot, 'config.json'), 'utf8')).toBe(files['config.json']);
    expect(readFileSync(path.join(snapshot, 'model.safetensors')).equals(large)).toBe(true);
    expect(readFileSync(path.join(folder(), 'refs', 'main'), 'utf8')).toBe(commit);
    const link = readlinkSync(path.join(snapshot, 'model.safetensors'));
    expect(link).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(readlinkSync(path.join(snapshot, 'config.json'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(readdirSync(path.join(folder(), 'blobs')).sort()).toEqual(
      ['config.json', 'model.safetensors'].map((name) => path.basename(readlinkSync(path.join(snapshot, name)))).sort(),
    );
    const tree = JSON.parse(readFileSync(path.join(folder(), 'trees', `${commit}.json`), 'utf8'));
    expect(tree).toMatchObject({ format_version: 1, files: { 'model.safetensors': { size: large.length, lfs_size: large.length } } });
    expect(Object.keys(tree.files)).toEqual(Object.keys(files).sort());
  });

  it('links files in folders of the repository from one level deeper', async () => {
    const repository = await open();
    await repository.download(['folder/notes.txt']);
    const link = path.join(repository.folder, 'folder', 'notes.txt');
    expect(readlinkSync(link)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
    expect(readFileSync(link, 'utf8')).toBe('notes');
  });

  it('is asked for what was asked, and for nothing a second time', async () => {
    await fetchBoth();
    expect(hub.downloads().map(({ server, path: place }) => [server, place.split('?')[0].split('/').at(-1)])).toHaveLength(3);
    hub.forget();
    await fetchBoth();
    expect(hub.requests.map(({ path: place }) => place.split('?')[0])).toEqual(['/api/models/owner/model/revision/main']);
    hub.forget();
    await (await open({ revision: commit })).download(['config.json']);
    expect(hub.requests).toEqual([]);
  });

  it('serves offline, for a branch by what it last meant, without a request', async () => {
    await fetchBoth();
    hub.forget();
    vi.stubEnv('HF_HUB_OFFLINE', 'Yes');
    const repository = await open();
    expect(repository.commit).toBe(commit);
    expect(await fetchBoth()).toBe(repository.folder);
    expect((await errorOf(repository.download(['folder/notes.txt']))).message).toMatch(
      /notes\.txt of owner\/model in the cache.*HF_HUB_OFFLINE/,
    );
    expect((await errorOf(open({ revision: 'v1' }))).message).toMatch(/expected owner\/model@v1 in the cache/);
    expect(hub.requests).toEqual([]);
  });

  it('of an older Python, without a list of files, serves offline what it holds', async () => {
    await fetchBoth();
    rmSync(path.join(folder(), 'trees'), { recursive: true });
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const repository = await open();
    expect([...repository.paths].sort()).toEqual(['config.json', 'model.safetensors']);
    expect((await errorOf(repository.download(['folder/notes.txt']))).message).toMatch(/HF_HUB_OFFLINE/);
  });

  it('answers when the hub cannot be reached, and says so', async () => {
    await fetchBoth();
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9');
    const notices: string[] = [];
    await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(notices.join('\n')).toMatch(
      new RegExp(`cannot get the commit of owner/model.*using the commit ${commit} of owner/model from the cache`),
    );
  });

  it('follows a branch to its new commit, and shares the contents that stayed', async () => {
    await fetchBoth();
    const next = hub.serve('models/owner/model', { files: { ...files, 'config.json': '{"a": 2}' } });
    hub.forget();
    const snapshot = await fetchBoth();
    expect(path.basename(snapshot)).toBe(next);
    expect(readFileSync(path.join(snapshot, 'config.json'), 'utf8')).toBe('{"a": 2}');
    expect(hub.downloads().map(({ path: place }) => place)).toEqual([`/owner/model/resolve/${next}/config.json`]);
  });

  it('keeps revisions with slashes as paths of refs', async () => {
    expect((await open({ revision: 'refs/pr/1' })).commit).toBe(commit);
    expect(readFileSync(path.join(folder(), 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(commit);
  });

  it('replaces a link whose contents were removed', async () => {
    const snapshot = await fetchBoth();
    rmSync(path.join(folder(), 'blobs'), { recursive: true });
    await fetchBoth();
    expect(readFileSync(path.join(snapshot, 'model.safetensors')).equals(large)).toBe(true);
  });

  it.each([
    ['HF_HUB_CACHE', (place: string) => place],
    ['HUGGINGFACE_HUB_CACHE', (place: string) => place],
    ['XDG_CACHE_HOME', (place: string) => path.join(place, 'huggingface', 'hub')],
  ])('lies where %s says', async (name, cacheOf) => {
    if (name === 'XDG_CACHE_HOME') vi.stubEnv('HF_HOME', '');
    vi.stubEnv('BURES_TEST_PLACE', home);
    vi.stubEnv(name, path.join('$BURES_TEST_PLACE', 'elsewhere'));
    expect(await fetchBoth()).toBe(path.join(cacheOf(path.join(home, 'elsewhere')), 'models--owner--model', 'snapshots', commit));
  });
});

describe('a download', () => {
  it('that breaks halfway goes on from the byte', async () => {
    hub.fail('store:model.safetensors', { breakAfter: 100_000 }, { breakAfter: 50_000 });
    const notices: string[] = [];
    const snapshot = await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(readFileSync(path.join(snapshot, 'model.safetensors')).equals(large)).toBe(true);
    const ranges = hub.requests.filter(({ server }) => server === 'store').map(({ range }) => range);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=\d+-$/);
    expect(notices.join('\n')).toMatch(/model\.safetensors of owner\/model: .*; trying again in 0\.5 s/);
  });

  it('that never comes through keeps what has come, and the next goes on from there', async () => {
    hub.fail('store:model.safetensors', { breakAfter: 100_000 }, ...Array.from({ length: 4 }, () => ({ breakAfter: 0 })));
    const error = await errorOf(fetchBoth());
    expect(error).toMatchObject({ code: 'BURES_BACKEND' });
    expect(error.message).toMatch(
      /^openHubRepository: cannot get model\.safetensors of owner\/model from http.*run the same again to go on from there$/,
    );
    const blobs = readdirSync(path.join(folder(), 'blobs')).filter((name) => name.length >= 64);
    expect(blobs).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.incomplete$/)]);
    const { size } = lstatSync(path.join(folder(), 'blobs', blobs[0]));
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThanOrEqual(100_000);
    expect(existsSync(path.join(folder(), 'snapshots', commit, 'model.safetensors'))).toBe(false);
    hub.forget();
    const notices: string[] = [];
    await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(hub.requests.filter(({ server }) => server === 'store').map(({ range }) => range)).toEqual([`bytes=${size}-`]);
    expect(notices).toEqual([`model.safetensors of owner/model: going on from byte ${size} of ${large.length}`]);
  });

  it('falls silent: the connection is given up after HF_HUB_DOWNLOAD_TIMEOUT, and made anew', async () => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '0.3');
    hub.fail('store:model.safetensors', { silentAfter: 1000 });
    const notices: string[] = [];
    await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(notices.join('\n')).toMatch(/no answer for 0\.3 s; trying again/);
  });

  it('from a server without ranges begins anew', async () => {
    hub.fail('store:model.safetensors', { breakAfter: 100_000 }, { ignoreRange: true });
    const snapshot = await fetchBoth();
    expect(readFileSync(path.join(snapshot, 'model.safetensors')).equals(large)).toBe(true);
  });

  it.each(['model.safetensors', 'config.json'])('of wrong bytes is refused by its hash, and leaves nothing: %s', async (name) => {
    hub.fail(name, { corrupt: true });
    if (name === 'model.safetensors') hub.fail(`store:${name}`, { corrupt: true });
    const error = await errorOf(fetchBoth());
    expect(error).toMatchObject({ code: 'BURES_FORMAT' });
    expect(error.message).toMatch(
      new RegExp(`expected ${name.replace('.', '\\.')} of owner/model to have the hash [0-9a-f]+, as the hub says, got [0-9a-f]+`),
    );
    expect(existsSync(path.join(folder(), 'snapshots', commit, name))).toBe(false);
  });

  it('on a damaged beginning notices it by the hash, and begins anew', async () => {
    const snapshot = await fetchBoth();
    const blob = path.resolve(snapshot, readlinkSync(path.join(snapshot, 'model.safetensors')));
    rmSync(blob);
    writeFileSync(`${blob}.incomplete`, Buffer.alloc(1000));
    const notices: string[] = [];
    await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(readFileSync(blob).equals(large)).toBe(true);
    expect(notices.at(-1)).toMatch(/does not belong to it; beginning anew/);
  });

  it('takes a complete unfinished file without asking again, and a longer one from the start', async () => {
    const snapshot = await fetchBoth();
    const blob = path.resolve(snapshot, readlinkSync(path.join(snapshot, 'model.safetensors')));
    for (const length of [large.length, large.length + 1]) {
      rmSync(blob);
      writeFileSync(`${blob}.incomplete`, large);
      truncateSync(`${blob}.incomplete`, length);
      hub.forget();
      await fetchBoth();
      expect(hub.downloads()).toHaveLength(length === large.length ? 0 : 2);
      expect(readFileSync(blob).equals(large)).toBe(true);
    }
  });

  it('waits where the hub asks for fewer requests, or fails for a moment', async () => {
    hub.fail('/revision/', { status: 429, headers: { 'retry-after': '0' } });
    hub.fail('/tree/', { status: 503 });
    const notices: string[] = [];
    await fetchBoth({ onNotice: (line) => notices.push(line) });
    expect(notices[0]).toMatch(/the commit of owner\/model: the hub asks for fewer requests \(HTTP 429\); trying again in 0 s/);
    expect(notices[1]).toMatch(/the list of files of owner\/model: the server failed \(HTTP 503\); trying again in 0\.5 s/);
  });

  it('gives up where the hub keeps failing', async () => {
    hub.fail('/revision/', ...Array.from({ length: 5 }, () => ({ status: 429, headers: { 'retry-after': '0' } })));
    expect((await errorOf(fetchBoth())).message).toMatch(/cannot get the commit of owner\/model from http.*429.*check the connection/);
  });

  it('reports its bytes, which add up', async () => {
    const seen: DownloadProgress[] = [];
    await fetchBoth({ onProgress: (progress) => seen.push(progress) });
    const totalBytes = large.length + files['config.json'].length;
    expect(seen.at(-1)).toMatchObject({ repository: 'owner/model', bytes: totalBytes, totalBytes });
    expect(seen.every(({ bytes }) => bytes <= totalBytes)).toBe(true);
  });

  it('ends when aborted, and keeps what has come', async () => {
    const controller = new AbortController();
    hub.fail('store:model.safetensors', { silentAfter: 100_000 });
    const download = fetchBoth({
      signal: controller.signal,
      onProgress: ({ file, bytes }) => {
        if (file === 'model.safetensors' && bytes > 50_000) controller.abort();
      },
    });
    expect((await errorOf(download)).name).toBe('AbortError');
    hub.forget();
    await fetchBoth();
    expect(hub.requests.find(({ server }) => server === 'store')?.range).toMatch(/^bytes=[1-9]/);
  });

  it('of one file in two callers at once happens once', async () => {
    const snapshots = await Promise.all([fetchBoth(), fetchBoth(), fetchBoth()]);
    expect(new Set(snapshots).size).toBe(1);
    expect(hub.requests.filter(({ server }) => server === 'store')).toHaveLength(1);
    expect(readdirSync(path.join(home, 'hub', '.locks', 'models--owner--model'))).toEqual([]);
  });

  it('takes over the lock of a process that has died', async () => {
    const snapshot = await fetchBoth();
    const blob = path.resolve(snapshot, readlinkSync(path.join(snapshot, 'model.safetensors')));
    rmSync(blob);
    const locks = path.join(home, 'hub', '.locks', 'models--owner--model');
    mkdirSync(locks, { recursive: true });
    writeFileSync(path.join(locks, `${path.basename(blob)}.bures.lock`), '999999999 1 gone');
    await fetchBoth();
    expect(readFileSync(blob).equals(large)).toBe(true);
  });
});

describe('the token', () => {
  const token = 'hf_secret';
  beforeEach(() => {
    commit = hub.serve('models/owner/private', { files, token });
  });
  const fetchPrivate = async (): Promise<string> => (await open({}, 'owner/private')).download(['config.json', 'model.safetensors']);

  it('of HF_TOKEN goes to the hub, and to no other host', async () => {
    vi.stubEnv('HF_TOKEN', token);
    await fetchPrivate();
    const sent = (server: string) => new Set(hub.requests.filter((one) => one.server === server).map(({ authorization }) => authorization));
    expect(sent('hub')).toEqual(new Set([`Bearer ${token}`]));
    expect(sent('store')).toEqual(new Set([undefined]));
  });

  it.each(['token', 'HF_TOKEN_PATH'])('is found in its file: %s', async (place) => {
    const file = path.join(home, place === 'token' ? 'token' : 'elsewhere');
    mkdirSync(home, { recursive: true });
    writeFileSync(file, `${token}\n`);
    if (place !== 'token') vi.stubEnv('HF_TOKEN_PATH', file);
    expect(await fetchPrivate()).toContain('models--owner--private');
  });

  it.each([
    ['none', '', /the model owner\/private does not exist, or is private .*HTTP 401, RepoNotFound.*set HF_TOKEN to a token/],
    ['that of another', 'hf_other', /does not exist, or is private .*HTTP 404.*the token that was sent .* may not read it/],
    ['a wrong one', 'wrong', /the token of the hub is not valid .*HTTP 401.*set HF_TOKEN to a valid one/],
    ['two words', 'hf_a b', /expected a token of printable ASCII characters without spaces/],
  ])('%s is refused in words', async (_name, value, message) => {
    vi.stubEnv('HF_TOKEN', value);
    const error = await errorOf(fetchPrivate());
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: 'BURES_CONFIG' });
    if (value !== '') expect(error.message).not.toContain(value);
  });

  it.each([
    ['', /is gated .*accept its terms on http.*\/owner\/gated, and set HF_TOKEN/],
    ['hf_other', /is gated .*see that HF_TOKEN is a token of that account/],
  ])('of an account that has not accepted the terms is told where to: %s', async (value, message) => {
    hub.serve('models/owner/gated', { files, token, gated: true });
    vi.stubEnv('HF_TOKEN', value);
    expect((await errorOf(open({}, 'owner/gated').then((one) => one.download(['config.json'])))).message).toMatch(message);
  });
});

describe('what cannot be meant', () => {
  it('names what the hub does not have: the repository, the revision, the file', async () => {
    expect((await errorOf(open({}, 'owner/nothing'))).message).toMatch(
      /^openHubRepository: the model owner\/nothing does not exist, or is private/,
    );
    expect((await errorOf(open({ revision: 'v9' }))).message).toMatch(/has no revision 'v9' .*RevisionNotFound/);
    const repository = await open();
    expect((await errorOf(repository.download(['modle.safetensors']))).message).toMatch(
      /has no file modle\.safetensors; did you mean model\.safetensors/,
    );
    hub.fail('/resolve/', { status: 404, headers: { 'x-error-code': 'EntryNotFound' } });
    expect((await errorOf(repository.download(['config.json']))).message).toMatch(/has no file config\.json .*EntryNotFound/);
  });

  it.each([
    ['name', /expected the name of a repository on the hub, owner\/name, got "name"/],
    ['a/b/c', /owner\/name, got "a\/b\/c"/],
    ['../b', /owner\/name/],
    ['a--b/c', /owner\/name/],
  ])('refuses %s', async (name, message) => {
    expect((await errorOf(open({}, name))).message).toMatch(message);
  });

  it.each(['../main', 'a..', ''])('refuses the revision %j', async (revision) => {
    if (revision === 'a..') return expect((await errorOf(open({ revision }))).message).toMatch(/has no revision 'a\.\.'/);
    expect((await errorOf(open({ revision }))).message).toMatch(/revision must be a branch, a tag or a commit/);
  });

  it.each([
    ['HF_ENDPOINT', 'nowhere', /HF_ENDPOINT must be the address of a hub/],
    ['HF_HUB_DOWNLOAD_TIMEOUT', 'soon', /HF_HUB_DOWNLOAD_TIMEOUT must be a number of seconds/],
  ])('names %s', async (name, value, message) => {
    vi.stubEnv(name, value);
    expect((await errorOf(open())).message).toMatch(message);
  });

  it('refuses a list of files that leads out of the folder', async () => {
    hub.serve('models/owner/evil', { files: { '../evil.json': '{}' } });
    expect((await errorOf(open({}, 'owner/evil'))).message).toMatch(/expected the list of files of owner\/evil from http.*another form/);
  });

  it('says so when what answers is no hub', async () => {
    hub.fail('/revision/', { status: 200 });
    expect((await errorOf(open())).message).toMatch(
      /expected the commit of owner\/model from http.*got an answer of another form; check HF_ENDPOINT/,
    );
  });
});
