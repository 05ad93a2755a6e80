import { problem } from '../model/errors.ts';
import { type CommonOptions, findDataDir, type RunFile, readRunFile } from './endpoint.ts';
import { type CliIo, UsageError } from './io.ts';
import { ServerClient } from './server.ts';

/** One call of one verb: its options resolved, its output, its interruption. Nothing is looked up before needed. */
export class Session {
  readonly io: CliIo;
  readonly json: boolean;
  readonly #options: CommonOptions;
  #interruption: { readonly signal: AbortSignal; readonly release: () => void } | undefined;

  constructor(io: CliIo, options: CommonOptions) {
    this.io = io;
    this.json = options.json === true;
    this.#options = options;
  }

  /** True when --url points somewhere else than the server of this data directory. */
  get remote(): boolean {
    return this.#options.url !== undefined;
  }

  dataDir(): Promise<string> {
    return findDataDir(this.#options, this.io);
  }

  /** Throws `server.unreachable`. */
  async runFile(): Promise<RunFile> {
    return readRunFile(await this.dataDir());
  }

  /** Throws `server.unreachable` or `auth.required`. */
  async server(): Promise<ServerClient> {
    const token = this.io.env['SENSORIUM_TOKEN'];
    const { url } = this.#options;
    if (url !== undefined) {
      if (!/^https?:\/\//.test(url))
        throw new UsageError(`--url must start with http:// or https://: "${url}"`);
      if (!token) throw problem('auth.required', '--url needs a token in the environment: SENSORIUM_TOKEN');
      return new ServerClient({ url, token, origin: '--url' });
    }
    const run = await this.runFile();
    if (run.http === null) throw problem('server.unreachable', 'the running server has its HTTP port off');
    return new ServerClient({ url: run.http, token: token || run.token, origin: 'run.json' });
  }

  /** Text for people, or nothing in --json mode. */
  say(text: string): void {
    if (!this.json) this.io.stdout.write(`${text}\n`);
  }

  /** The machine's answer: one line of JSON. */
  answer(value: unknown): void {
    this.io.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Beside the answer: progress, warnings. */
  note(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  /** Aborted by the first Ctrl-C or SIGTERM (a second one ends the process as usual), or a reader that left. */
  interruption(): AbortSignal {
    const { signal, readerGone } = this.io;
    this.#interruption ??= signal ? { signal, release: () => undefined } : listenToSignals();
    const own = this.#interruption.signal;
    return readerGone === undefined ? own : AbortSignal.any([own, readerGone]);
  }

  [Symbol.dispose](): void {
    this.#interruption?.release();
  }
}

function listenToSignals(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const release = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  const stop = (): void => {
    release();
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, release };
}
