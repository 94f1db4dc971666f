/** The settings of the hub, by the environment variables that Python's `huggingface_hub` reads. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';

/** Where the hub is, who asks, and where its files are kept. */
export interface HubSettings {
  /** Address of the hub, without a slash at the end (`HF_ENDPOINT`). */
  readonly endpoint: string;
  /** Folder of all cached repositories (`HF_HUB_CACHE`). */
  readonly cache: string;
  /** Token that is sent to the endpoint, and to no other host (`HF_TOKEN`). */
  readonly token: string | undefined;
  /** If true, no request is made (`HF_HUB_OFFLINE`). */
  readonly offline: boolean;
  /** Milliseconds without a byte after which a connection counts as broken (`HF_HUB_DOWNLOAD_TIMEOUT`, in seconds). */
  readonly timeout: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Python's default of HF_HUB_DOWNLOAD_TIMEOUT, in seconds. */
const defaultTimeout = 10;

/**
 * Reads the settings. An empty variable counts as not set.
 *
 * @throws ConfigError naming a variable whose value cannot be used, or a token file that cannot be read.
 */
export async function readHubSettings(caller: string, environment: Environment = process.env): Promise<HubSettings> {
  const home = expand(
    given(environment, 'HF_HOME') ?? path.join(given(environment, 'XDG_CACHE_HOME') ?? '~/.cache', 'huggingface'),
    environment,
  );
  const cache = given(environment, 'HF_HUB_CACHE') ?? given(environment, 'HUGGINGFACE_HUB_CACHE');
  return {
    endpoint: await endpointOf(caller, environment),
    cache: path.resolve(cache === undefined ? path.join(home, 'hub') : expand(cache, environment)),
    token: await tokenOf(caller, environment, home),
    offline: isOn(given(environment, 'HF_HUB_OFFLINE') ?? given(environment, 'TRANSFORMERS_OFFLINE')),
    timeout: 1000 * timeoutOf(caller, environment),
  };
}

function given(environment: Environment, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

/** Replaces `~`, `$NAME` and `${NAME}` in a path, as Python does. A variable that is not set stays as it is written. */
function expand(place: string, environment: Environment): string {
  return place
    .replace(/^~(?=$|[\\/])/, homedir())
    .replace(/\$(?:(\w+)|\{([^}]*)\})/g, (whole, plain?: string, braced?: string) => environment[plain ?? braced ?? ''] ?? whole);
}

async function endpointOf(caller: string, environment: Environment): Promise<string> {
  const named = given(environment, 'HF_ENDPOINT');
  // Loaded where it is needed: a run on local files shall not wait for it.
  if (named === undefined) return (await import('@huggingface/hub')).HUB_URL;
  if (URL.canParse(named) && /^https?:$/.test(new URL(named).protocol)) return named.replace(/\/+$/, '');
  throw new ConfigError(
    `${caller}: HF_ENDPOINT must be the address of a hub, with http: or https:, got ${describeValue(named)}; correct it`,
  );
}

async function tokenOf(caller: string, environment: Environment, home: string): Promise<string | undefined> {
  if (isOn(given(environment, 'HF_HUB_DISABLE_IMPLICIT_TOKEN'))) return undefined;
  const clean = (text: string): string | undefined => text.replace(/[\r\n]/g, '').trim() || undefined;
  const named = clean(given(environment, 'HF_TOKEN') ?? given(environment, 'HUGGING_FACE_HUB_TOKEN') ?? '');
  const file = given(environment, 'HF_TOKEN_PATH');
  const token = named ?? clean(await readToken(caller, file === undefined ? path.join(home, 'token') : expand(file, environment)));
  // A header cannot carry anything else, and an error that fetch makes of it would show the token.
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  throw new ConfigError(
    `${caller}: expected a token of printable ASCII characters without spaces, got another in ${named === undefined ? 'the token file' : 'HF_TOKEN'}; copy it anew`,
  );
}

async function readToken(caller: string, file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return '';
    throw new ConfigError(`${caller}: cannot read the token of the hub in ${file} (${cause.message}); make it readable, or set HF_TOKEN`, {
      cause,
    });
  });
}

function timeoutOf(caller: string, environment: Environment): number {
  const text = given(environment, 'HF_HUB_DOWNLOAD_TIMEOUT');
  if (text === undefined) return defaultTimeout;
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text);
  throw new ConfigError(`${caller}: HF_HUB_DOWNLOAD_TIMEOUT must be a number of seconds above 0, got ${describeValue(text)}; correct it`);
}
