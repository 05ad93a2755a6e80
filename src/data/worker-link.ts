import { Worker } from 'node:worker_threads';
import { DATA_STOP_DEADLINE_MS, DATA_WORKER_HEAP_MIB, DATA_WORKER_YOUNG_MIB } from '../base/limits.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './protocol.ts';

interface WorkerLinkOptions {
  readonly setup: WorkerSetup;
  readonly hear: (message: FromWorker) => void;
  /** The thread ended without having been asked to. */
  readonly died: (cause: Error) => void;
}

/** One run of the data worker, from its thread's start to its end. */
export class WorkerLink {
  readonly #options: WorkerLinkOptions;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #cause: Error | undefined;
  #stopping = false;

  constructor(options: WorkerLinkOptions) {
    this.#options = options;
  }

  start(): void {
    const worker = new Worker(entryUrl(), {
      name: 'data',
      workerData: this.#options.setup,
      // What started the main thread (--eval, --input-type, --watch) means nothing here.
      execArgv: [],
      // Running out of memory ends the thread, not the process.
      resourceLimits: {
        maxOldGenerationSizeMb: DATA_WORKER_HEAP_MIB,
        maxYoungGenerationSizeMb: DATA_WORKER_YOUNG_MIB,
      },
    });
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => this.#options.hear(message));
    worker.on('error', (cause: unknown) => {
      this.#cause = cause instanceof Error ? cause : new Error(String(cause));
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.#worker = undefined;
        resolve();
        if (!this.#stopping) this.#options.died(this.#cause ?? unexpectedEnd(code));
      });
    });
  }

  get alive(): boolean {
    return this.#worker !== undefined;
  }

  /** Nothing happens where the thread has ended. */
  post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  /** Asks the thread to finish its commit and waits; one that does not end in time is ended. True = in time. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    this.post({ kind: 'stop' });
    let inTime = true;
    const timer = setTimeout(() => {
      inTime = false;
      void this.#worker?.terminate();
    }, DATA_STOP_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
    return inTime;
  }
}

/** The source as it is in development, its compiled form in the package. */
function entryUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}

const unexpectedEnd = (code: number): SensoriumError =>
  problem('store.failed', `the data worker ended by itself with code ${code}`);
