/** Requests to a hub: with its token, along redirects, again after failures that pass, and with errors in words. */
import { setTimeout as wait } from 'node:timers/promises';
import { BackendError } from '../../core/errors.js';
import type { HubSettings } from './hub-settings.node.js';
import { refusalError, type Subject } from './refusals.js';

/** What requests are made with. */
export interface HubClient {
  /** The public function that errors name. */
  readonly caller: string;
  readonly settings: HubSettings;
  /** Ends requests and waits when aborted. */
  readonly signal: AbortSignal | undefined;
  /** Receives what the user should know while waiting. */
  notice(line: string): void;
}

/** A failure that may have passed when the request is made again: a busy server, a broken connection. */
export class PassingFailure extends Error {
  override readonly name = 'PassingFailure';
  /** Milliseconds after which the server asks to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options: { readonly retryAfter?: number | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfter = options.retryAfter;
  }
}

/** Milliseconds before each further attempt. */
const waits = [500, 1000, 2000, 4000] as const;
/** The longest time that a server may ask to wait, in milliseconds. */
const longestWait = 60_000;
/** Most redirects of one request. */
const mostRedirects = 10;

/**
 * Makes attempts until one succeeds. Attempts that got further than the one before them do not count.
 *
 * @param what - the aim, for messages: `the list of files of owner/name`.
 * @param attempt - throws {@link PassingFailure} for what another attempt may mend.
 * @param options - `progress` tells how far the work is; `attempts` bounds the attempts without progress; `remedy` ends
 * the error.
 * @throws BackendError after the last attempt; any other error of an attempt at once.
 */
export async function withRetries<Result>(
  client: HubClient,
  what: string,
  attempt: () => Promise<Result>,
  options: { readonly progress?: () => number; readonly attempts?: number; readonly remedy?: string } = {},
): Promise<Result> {
  const { progress = () => 0, attempts = waits.length + 1, remedy = 'check the connection, and try again' } = options;
  for (let failures = 0, before = progress(); ; ) {
    client.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      client.signal?.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      before = progress();
      if (failures >= attempts)
        throw new BackendError(`${client.caller}: cannot get ${what} from ${client.settings.endpoint} (${error.message}); ${remedy}`, {
          cause: error,
        });
      const pause = Math.min(error.retryAfter ?? waits[Math.min(failures, waits.length) - 1], longestWait);
      client.notice(`${what}: ${error.message}; trying again in ${pause / 1000} s`);
      await wait(pause, undefined, client.signal === undefined ? {} : { signal: client.signal });
    }
  }
}

/** An answer whose body is read under a deadline. */
export interface HubAnswer {
  readonly response: Response;
  /** Yields the body piece by piece. @throws PassingFailure if the connection breaks or falls silent. */
  body(): AsyncGenerator<Uint8Array, void>;
  /** Gives the connection up. */
  end(): void;
}

/**
 * Makes one request, along redirects. The token goes to the endpoint alone: what a redirect leads to on another host
 * has its own signature in its address.
 *
 * @throws PassingFailure if the server is busy, fails or cannot be reached; an error in words for any other refusal.
 */
export async function requestHub(
  client: HubClient,
  url: string,
  subject: Subject,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubAnswer> {
  const { endpoint, token, timeout } = client.settings;
  const deadline = openDeadline(client.signal, timeout);
  try {
    let place = new URL(url);
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const own = token !== undefined && place.origin === new URL(endpoint).origin ? { authorization: `Bearer ${token}` } : {};
      const response = await fetch(place, { headers: { ...headers, ...own }, redirect: 'manual', signal: deadline.signal });
      deadline.restart();
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel();
        place = new URL(location, place);
        continue;
      }
      if (!response.ok) throw await refusal(client, response, subject);
      return { response, body: () => bodyOf(response, deadline), end: () => deadline.abort() };
    }
    throw new PassingFailure(`more than ${mostRedirects} redirects`);
  } catch (error) {
    deadline.end();
    throw failureOf(error, deadline);
  }
}

/** Returns the error of an answer that refuses. */
async function refusal(client: HubClient, response: Response, subject: Subject): Promise<Error> {
  const { status, headers } = response;
  const said = headers.get('x-error-message') ?? (await errorText(response));
  if (status !== 429 && status < 500) return refusalError(client, { status, code: headers.get('x-error-code') ?? '', said }, subject);
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const busy = status === 429 ? 'the hub asks for fewer requests (HTTP 429)' : `the server failed (HTTP ${status})`;
  return new PassingFailure(`${busy}${said === '' ? '' : `: ${said}`}`, {
    retryAfter: Number.isFinite(seconds) ? 1000 * seconds : undefined,
  });
}

/** Returns what the JSON of a refusal says. */
async function errorText(response: Response): Promise<string> {
  if (!response.headers.get('content-type')?.startsWith('application/json')) {
    await response.body?.cancel();
    return '';
  }
  const content = (await response.json().catch(() => ({}))) as { readonly error?: unknown };
  return typeof content.error === 'string' ? content.error.slice(0, 300) : '';
}

async function* bodyOf(response: Response, deadline: Deadline): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const piece of response.body ?? []) {
      deadline.restart();
      yield piece;
    }
  } catch (error) {
    throw failureOf(error, deadline);
  } finally {
    deadline.end();
  }
}

/** Turns the errors of a connection into a failure that may pass. */
function failureOf(error: unknown, deadline: Deadline): unknown {
  if (deadline.passed()) return new PassingFailure(`no answer for ${deadline.milliseconds / 1000} s`, { cause: error });
  // What fetch throws for a connection that cannot be made, or breaks.
  if (!(error instanceof TypeError)) return error;
  const cause = error.cause as { readonly code?: string; readonly message?: string } | undefined;
  return new PassingFailure(cause?.message || cause?.code || error.message, { cause: error });
}

/** A clock that aborts a request when nothing has come for some time. */
interface Deadline {
  readonly signal: AbortSignal;
  readonly milliseconds: number;
  restart(): void;
  passed(): boolean;
  /** Stops the clock. */
  end(): void;
  /** Stops the clock and aborts the request. */
  abort(): void;
}

function openDeadline(outer: AbortSignal | undefined, milliseconds: number): Deadline {
  const controller = new AbortController();
  let passed = false;
  const expire = (): void => {
    passed = true;
    controller.abort();
  };
  const follow = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow, { once: true });
  let timer = setTimeout(expire, milliseconds);
  const end = (): void => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', follow);
  };
  return {
    signal: controller.signal,
    milliseconds,
    passed: () => passed,
    restart() {
      clearTimeout(timer);
      timer = setTimeout(expire, milliseconds);
    },
    end,
    abort() {
      end();
      controller.abort();
    },
  };
}
