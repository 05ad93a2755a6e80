/**
 * Preloaded into a server (`--import`): lets a test hold, or end, the thread that owns the store. SIGUSR2 holds it at its
 * next commit and lets it go; SIGWINCH ends the held one, and the next is held from its start.
 */
import { syncBuiltinESMExports } from 'node:module';
import workerThreads, { isMainThread, type WorkerOptions, workerData } from 'node:worker_threads';

const STATE = { runs: 0, held: 1, ends: 2 } as const;

interface Held {
  readonly heldStore: Int32Array;
}

function control(): void {
  const state = new Int32Array(new SharedArrayBuffer(4));
  const RealWorker = workerThreads.Worker;
  workerThreads.Worker = class extends RealWorker {
    constructor(entry: string | URL, options: WorkerOptions = {}) {
      const isData = String(entry).includes('/data/worker.');
      const held = {
        execArgv: ['--import', import.meta.url],
        workerData: { ...options.workerData, heldStore: state },
      };
      super(entry, isData ? { ...options, ...held } : options);
    }
  };
  syncBuiltinESMExports();
  const turnTo = (value: number): void => {
    Atomics.store(state, 0, value);
    Atomics.notify(state, 0);
  };
  process.on('SIGUSR2', () => turnTo(Atomics.load(state, 0) === STATE.runs ? STATE.held : STATE.runs));
  process.on('SIGWINCH', () => turnTo(STATE.ends));
}

async function obey({ heldStore: state }: Held): Promise<void> {
  const look = (): void => {
    Atomics.wait(state, 0, STATE.held);
    if (Atomics.compareExchange(state, 0, STATE.ends, STATE.held) === STATE.ends)
      throw new Error('ended by the test');
  };
  look();
  const { DuckDbStore } = await import('../../src/data/store/duckdb/duckdb-store.ts');
  const { prototype } = DuckDbStore;
  // eslint-disable-next-line typescript/unbound-method -- bound again where it is called
  const { commit } = prototype;
  prototype.commit = async function held(...parameters): Promise<void> {
    look();
    await commit.apply(this, parameters);
  };
}

if (isMainThread) control();
else await obey(workerData as Held);
