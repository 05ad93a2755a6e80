/**
 * The adapter of this machine through `@stoprocent/noble` (an optional package), on a thread of its own: the library
 * and what it stands on throw outside of any call when the D-Bus or the adapter goes away, and keep every address they
 * ever heard. Here that ends a thread, not the platform.
 */
import { existsSync, readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { BLE_START_MAX_MS, BLE_THREAD_HEAP_MIB, BLE_THREAD_STOP_MS } from '../../../base/limits.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import { RUNNING, unavailable } from '../scanner.ts';
import type { Advertisement } from './advertisement.ts';
import type { Radio } from './radio.ts';

/** From the thread. */
export type RadioMessage =
  | { readonly kind: 'condition'; readonly reason?: string | undefined }
  | { readonly kind: 'heard'; readonly advertisement: Advertisement };

export interface NobleRadioOptions {
  /** Whether the machine has an adapter at all; else no thread is started. */
  readonly hasAdapter?: (() => boolean) | undefined;
}

const CLOSED: ScannerCondition = { state: 'stopped' };

export class NobleRadio implements Radio {
  readonly #hasAdapter: () => boolean;
  #condition: ScannerCondition = CLOSED;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: NobleRadioOptions = {}) {
    this.#hasAdapter = options.hasAdapter ?? hasKernelAdapter;
  }

  get condition(): ScannerCondition {
    return this.#condition;
  }

  async open(heard: (advertisement: Advertisement) => void): Promise<ScannerCondition> {
    if (!this.#hasAdapter()) {
      this.#condition = unavailable('no Bluetooth adapter');
      return this.#condition;
    }
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#condition = unavailable('the Bluetooth service does not answer');
      resolve();
    }, BLE_START_MAX_MS);
    this.#start((message) => {
      if (message.kind === 'heard') return heard(message.advertisement);
      this.#condition = message.reason === undefined ? RUNNING : unavailable(message.reason);
      resolve();
    }, resolve);
    await settled;
    clearTimeout(timer);
    const { condition } = this;
    if (condition.state !== 'running') await this.#end();
    return condition;
  }

  async close(): Promise<void> {
    await this.#end();
    this.#condition = CLOSED;
  }

  #start(hear: (message: RadioMessage) => void, ended: () => void): void {
    const worker = new Worker(entryUrl(), {
      name: 'bluetooth',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: BLE_THREAD_HEAP_MIB },
    });
    this.#worker = worker;
    worker.on('message', (message: RadioMessage) => {
      // What was under way when the thread was told to stop.
      if (this.#worker === worker) hear(message);
    });
    let cause = 'the Bluetooth thread has ended';
    worker.on('error', (error: unknown) => {
      cause = reasonOf(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        if (this.#worker === worker) {
          this.#worker = undefined;
          this.#condition = unavailable(cause);
        }
        ended();
        resolve();
      });
    });
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker?.postMessage('stop');
    this.#worker = undefined;
    const timer = setTimeout(() => void worker.terminate(), BLE_THREAD_STOP_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

/** BlueZ speaks for adapters of the kernel; elsewhere the library must be asked. */
function hasKernelAdapter(): boolean {
  if (process.platform !== 'linux') return true;
  const folder = '/sys/class/bluetooth';
  return existsSync(folder) && readdirSync(folder).length > 0;
}

/** What the libraries throw where the D-Bus is not there, or not for us. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/ENOENT|ECONNREFUSED/.test(message)) return 'no Bluetooth service (the system D-Bus is not there)';
  if (/EACCES|EPERM/.test(message)) return 'no right to use the system D-Bus';
  return message.split('\n', 1)[0] ?? message;
}

/** The source as it is in development, its compiled form in the package. */
function entryUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}
