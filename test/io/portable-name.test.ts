/** The name that an adapter gives its base model: nothing of the machine that it was made on. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { portableName, withoutMachinePaths } from '../../src/io/files/portable-name.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'bures-names-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function modelFolder(place: string, config: object): string {
  const folder = path.join(root, place);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

describe('a base model that is', () => {
  it.each([
    ['a name on the hub', 'Qwen/Qwen2.5-0.5B', 'Qwen/Qwen2.5-0.5B'],
    ['a name without an owner', 'gpt2', 'gpt2'],
    ['an absolute path', '/home/ada/models/tiny', 'tiny'],
    ['a path that ends with a slash', '/home/ada/models/tiny//', 'tiny'],
    ['a path from here', './models/tiny', 'tiny'],
    ['a path from above', '../../tiny', 'tiny'],
    ['a relative path of many parts', 'ada/models/tiny', 'tiny'],
    ['a path from home', '~/models/tiny', 'tiny'],
    ['a path from the home of another', '~ada/tiny', 'tiny'],
    ['a path on a drive', 'C:\\Users\\Ada\\tiny', 'tiny'],
    ['a path on a drive, with slashes', 'd:/Ada/tiny', 'tiny'],
    ['a path on a share', '\\\\server\\ada\\tiny', 'tiny'],
    ['a relative path of Windows', 'Ada\\tiny', 'tiny'],
    ['an address of a file', 'file:///home/ada/tiny', 'tiny'],
    ['an address of a file, in capitals', 'FILE://server/ada/tiny', 'tiny'],
    ['in the cache of the hub', '/home/ada/.cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B/snapshots/0a1b', 'Qwen/Qwen2.5-0.5B'],
    ['in the cache of the hub, without an owner', 'C:\\hub\\models--gpt2\\snapshots\\0a1b', 'gpt2'],
    ['the root', '/', null],
    // More steps up than any folder lies deep: the root again, wherever the tests run.
    ['the root, told from here', '../'.repeat(64), null],
    ['a home', '~', null],
  ])('%s', async (_, model, name) => {
    expect(await portableName(model)).toBe(name);
  });

  it('a directory has the name that its configuration tells, if that is one of the hub', async () => {
    expect(await portableName(modelFolder('ada/named', { _name_or_path: 'Qwen/Qwen2.5-0.5B' }))).toBe('Qwen/Qwen2.5-0.5B');
    for (const other of ['/home/ada/models/secret', './x', 'C:\\x\\y', '', 'one', 3, null])
      expect(await portableName(modelFolder('ada/other', { _name_or_path: other }))).toBe('other');
    expect(await portableName(modelFolder('ada/without', {}))).toBe('without');
    // Relative, in the form of a name on the hub: a directory that is there is meant.
    const relative = path.relative(process.cwd(), modelFolder('two', {}));
    expect(await portableName(relative)).toBe('two');
    expect(await portableName(pathToFileURL(path.join(root, 'two')).href)).toBe('two');
  });
});

it('configurations lose paths and keep every other byte', () => {
  const text =
    '{ "r": 16.0, "base_model_name_or_path":  "/home/ada/m\\u0069ni",\n "_name_or_path": "C:\\\\Users\\\\Ada\\\\x", "name_or_path": "o/n", "note": "/home" }\n';
  const changed = Buffer.from(withoutMachinePaths(Buffer.from(text))).toString();
  expect(changed).toBe(
    '{ "r": 16.0, "base_model_name_or_path":  "mini",\n "_name_or_path": "x", "name_or_path": "o/n", "note": "/home" }\n',
  );
});
