/**
 * Looks into a running server through Node's inspector: what its JavaScript heaps hold after a collection, all threads
 * together. The server is started with `INSPECTED` in its environment and knows nothing of it.
 */
import { once } from 'node:events';
import { until } from '../../test/support/server.ts';

export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const;
const ADDRESS = /Debugger listening on (ws:\S+)/;
/** A thread that waits in Atomics.wait answers when it wakes. */
const ANSWER_TIMEOUT_MS = 2_000;

interface Heap {
  readonly heapUsed: number;
  readonly external: number;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
}

type Send = (id: number, method: string, params: object) => void;

export interface Heaps {
  readonly heapMiB: number;
  /** Memory outside that the heaps hold on to; shared memory is counted by each thread that has it. */
  readonly externalMiB: number;
  readonly threads: number;
}

export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  /** By session; the main thread is ''. */
  readonly #threads = new Map<string, Send>();
  readonly #last = new Map<string, Heap>();
  readonly #waiting = new Map<string, (result: Readonly<Record<string, unknown>>) => void>();
  #next = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#threads.set('', (id, method, params) => socket.send(JSON.stringify({ id, method, params })));
    socket.addEventListener('message', ({ data }) => this.#take('', JSON.parse(String(data)) as Message));
  }

  /** `stderr` is what the server has written so far. */
  static async connect(stderr: () => string): Promise<Inspector> {
    const address = await until('the inspector', () => Promise.resolve(ADDRESS.exec(stderr())?.[1]));
    const socket = new WebSocket(address);
    await once(socket, 'open');
    const inspector = new Inspector(socket);
    await inspector.#ask('', 'NodeWorker.enable', { waitForDebuggerOnStart: false });
    return inspector;
  }

  /** Collects garbage on every thread, then asks each. A thread that does not answer counts with what it last said. */
  async heaps(): Promise<Heaps> {
    await Promise.all([...this.#threads.keys()].map(async (session) => await this.#look(session)));
    const heaps = [...this.#threads.keys()].flatMap((session) => this.#last.get(session) ?? []);
    const sum = (pick: (heap: Heap) => number): number =>
      heaps.reduce((total, heap) => total + pick(heap), 0) / 1_048_576;
    return {
      heapMiB: sum(({ heapUsed }) => heapUsed),
      externalMiB: sum(({ external }) => external),
      threads: heaps.length,
    };
  }

  async #look(session: string): Promise<void> {
    await this.#ask(session, 'HeapProfiler.collectGarbage', {});
    const answer = await this.#ask(session, 'Runtime.evaluate', {
      expression: 'process.memoryUsage()',
      returnByValue: true,
    });
    const heap = (answer?.['result'] as { value?: Heap } | undefined)?.value;
    if (heap !== undefined) this.#last.set(session, heap);
  }

  async #ask(
    session: string,
    method: string,
    params: object,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const id = (this.#next += 1);
    const key = `${session}/${id}`;
    const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, unknown>> | undefined>();
    const timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
    this.#waiting.set(key, resolve);
    this.#threads.get(session)?.(id, method, params);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(key);
    }
  }

  #take(session: string, { id, method, params = {}, result = {} }: Message): void {
    if (id !== undefined) return this.#waiting.get(`${session}/${id}`)?.(result);
    const sessionId = String(params['sessionId']);
    if (method === 'NodeWorker.attachedToWorker') this.#threads.set(sessionId, this.#sendTo(sessionId));
    if (method === 'NodeWorker.detachedFromWorker') this.#threads.delete(sessionId);
    if (method === 'NodeWorker.receivedMessageFromWorker')
      this.#take(sessionId, JSON.parse(String(params['message'])) as Message);
  }

  #sendTo(sessionId: string): Send {
    return (id, method, params) => {
      const message = JSON.stringify({ id, method, params });
      void this.#ask('', 'NodeWorker.sendMessageToWorker', { sessionId, message });
    };
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
