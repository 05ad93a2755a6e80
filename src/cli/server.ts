import { CLI_REQUEST_TIMEOUT_MS } from '../base/limits.ts';
import { problem } from '../model/errors.ts';
import { ServerProblem } from './failure.ts';
import { hasFields, isRecord, messageOf, parseJson } from './foreign.ts';

export interface ServerClientOptions {
  /** Base address, such as http://127.0.0.1:8080. */
  readonly url: string;
  readonly token: string;
  /** Where the address came from, for the message when nobody answers there. */
  readonly origin: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type QueryValue = string | number | boolean | readonly string[] | undefined;

interface RequestOptions {
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  /** An object goes as JSON; text goes as it is, with `contentType`. */
  readonly body?: object | string | undefined;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The running server as the command line sees it: HTTP with a bearer token. Failures are thrown: the server's
 * own as `ServerProblem` with its code, a missing server as `server.unreachable`.
 */
export class ServerClient {
  readonly url: string;
  readonly token: string;
  readonly #origin: string;

  constructor(options: ServerClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.token = options.token;
    this.#origin = options.origin;
  }

  /** The JSON body of a successful answer, which must have these fields. */
  async json<T>(
    method: Method,
    path: string,
    fields: readonly (keyof T & string)[],
    options: RequestOptions = {},
  ): Promise<T> {
    const response = await this.request(method, path, options);
    return this.read(response, fields);
  }

  /** Reads the body of a successful answer as JSON with these fields. */
  async read<T>(response: Response, fields: readonly (keyof T & string)[]): Promise<T> {
    const value = parseJson(await response.text());
    if (hasFields<T>(value, fields)) return value;
    throw problem('server.unreachable', `${this.url} (${this.#origin}) does not answer like Sensorium`);
  }

  /** A request whose answer has no body, or none of interest. */
  async call(method: Method, path: string): Promise<void> {
    const response = await this.request(method, path);
    await response.arrayBuffer();
  }

  /** The successful response, body unread. The time to its head is bounded, its length is not. */
  async request(method: Method, path: string, options: RequestOptions = {}): Promise<Response> {
    const response = await this.#fetch(method, path, options);
    if (response.ok) return response;
    throw await problemOf(response);
  }

  async #fetch(method: Method, path: string, options: RequestOptions): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}`, ...options.headers };
    const { body, signal } = options;
    if (body !== undefined) headers['content-type'] = options.contentType ?? 'application/json';
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), CLI_REQUEST_TIMEOUT_MS);
    try {
      return await fetch(`${this.url}${path}${queryString(options.query)}`, {
        method,
        headers,
        body: typeof body === 'object' ? JSON.stringify(body) : (body ?? null),
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
      });
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      if (late.signal.aborted) throw problem('request.timeout', `${this.url} gave no answer in time`);
      throw problem('server.unreachable', `${this.url} (${this.#origin}): ${reasonOf(cause)}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

export const devicePath = (id: string, rest = ''): string =>
  `/api/v1/devices/${encodeURIComponent(id)}${rest}`;

function queryString(query: Readonly<Record<string, QueryValue>> | undefined): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) for (const one of value) params.append(name, String(one));
    else if (value !== undefined) params.set(name, String(value));
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
}

/** fetch says only "fetch failed"; the reason is in the cause. */
const reasonOf = (cause: unknown): string =>
  messageOf(cause instanceof Error && cause.cause !== undefined ? cause.cause : cause);

async function problemOf(response: Response): Promise<ServerProblem> {
  const text = await response.text().catch(() => '');
  const parsed = parseJson(text);
  const document = isRecord(parsed) ? parsed : {};
  const field = (name: string, fallback: string): string => {
    const value = document[name];
    return typeof value === 'string' && value !== '' ? value : fallback;
  };
  const title = field('title', response.statusText || 'The server refused');
  return new ServerProblem(response.status, {
    code: field('code', `http.${response.status}`),
    title,
    detail: field('detail', text.slice(0, 200) || title),
    cure: field('cure', 'See the server log.'),
  });
}
