import { constants, platform, setPriority } from 'node:os';
import { parentPort, receiveMessageOnPort, type Transferable, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { settleHeapSoon } from '../base/heap.ts';
import { invariant } from '../base/invariant.ts';
import { systemRandom } from '../base/random.ts';
import { openLogReader } from '../log/lmdb/log-reader.ts';
import { asSensoriumError, problem } from '../model/errors.ts';
import type { LogReader } from '../model/ports/log.ts';
import type { QuarantineOutcome, QuarantineStep } from '../model/ports/quarantine.ts';
import { LedgerReports } from './ledger-report.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import type { Effects, Fault, FromWorker, Query, QueryAnswers, ToWorker, WorkerSetup } from './protocol.ts';
import { Queries } from './queries.ts';
import { Keeper } from './retention/keeper.ts';
import { Runner } from './runner.ts';
import { DuckDbStore } from './store/duckdb/duckdb-store.ts';

/**
 * Entry of the data worker: the thread that reads the log, runs the stages and owns the store. It speaks to the
 * main thread by messages only. A bug ends it; the manager that started it starts it again, from the last commit.
 */

invariant(parentPort !== null, 'the data worker is started as a worker');
const port = parentPort;
const setup = workerData as WorkerSetup;

// Where cores are few, history gives way to sockets and acknowledgements. On Linux a priority is a thread's own, and
// DuckDB's threads inherit it; elsewhere it would be the whole process's.
if (platform() === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

const known = new KnownDevices();
const store = new DuckDbStore({
  path: setup.storePath,
  tempDir: setup.tempDir,
  checkpointMib: setup.pace.checkpointMib,
});
const waitingEffects = new Map<number, (refused: readonly string[]) => void>();
let effectsSent = 0;
let runner: Runner | undefined;
let logReader: LogReader | undefined;
const ledger = new LedgerReports({ store, reader: () => logReader });
const retention = new Keeper({
  store: store.retention,
  settings: setup.retention,
  known,
  series: () => runner?.series,
  clock: systemClock,
  tell: (report) => tell({ kind: 'retention', report }),
});
const queries = new Queries({
  store,
  ledger,
  retention,
  series: () => runner?.series,
  isRegistered: (device) => known.device(device) !== undefined,
});

function tell(message: FromWorker, transfer: readonly Transferable[] = []): void {
  port.postMessage(message, transfer);
}

function requestEffects(effects: Effects): Promise<readonly string[]> {
  effectsSent += 1;
  const id = effectsSent;
  tell({ kind: 'effects', id, effects });
  return new Promise((resolve) => {
    waitingEffects.set(id, resolve);
  });
}

function hear(message: ToWorker): void {
  switch (message.kind) {
    case 'profiles':
      for (const profile of message.profiles) known.putProfile(profile);
      // It may be that something is missed from now on.
      runner?.wake();
      break;
    case 'devices':
      for (const device of message.devices) known.put(device);
      break;
    case 'device-removed':
      known.remove(message.id);
      break;
    case 'begin':
      void live(message.logNext);
      break;
    case 'wake':
      runner?.wake();
      break;
    case 'watch':
      if (runner !== undefined) runner.watched = message.list;
      break;
    case 'query':
      void answer(message.id, message.query);
      break;
    case 'effects-done':
      waitingEffects.get(message.id)?.(message.refusedChildren);
      waitingEffects.delete(message.id);
      break;
    case 'stop':
      retention.stop();
      runner?.stop();
      break;
  }
}

/** Messages that have arrived but wait for the loop: a device may have been registered just before it published. */
function refresh(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    hear(next.message as ToWorker);
  }
}

async function answer(id: number, query: Query): Promise<void> {
  try {
    const found = query.kind === 'step' ? await takeStep(query.step) : await queries.run(query);
    tell({ kind: 'answer', id, answer: found }, transferable(found));
  } catch (cause) {
    tell({ kind: 'refused', id, fault: toFault(cause) });
  }
}

function takeStep(step: QuarantineStep): Promise<QuarantineOutcome> {
  if (runner === undefined) throw problem('store.unavailable', 'history is not open yet');
  return runner.step(step);
}

function transferable(found: QueryAnswers[Query['kind']]): Transferable[] {
  if (found instanceof Uint8Array) return [found.buffer];
  if (!('series' in found)) return [];
  return [found.series.buffer, found.ts.buffer, found.value.buffer];
}

function toFault(cause: unknown): Fault {
  const { code, message } = asSensoriumError(cause);
  return { code, detail: message };
}

async function live(logNext: number): Promise<void> {
  try {
    logReader = openLogReader({ path: setup.logPath });
    runner = newRunner(logReader);
    tell({ kind: 'ready', totals: await runner.open(logNext) });
    settleHeapSoon();
  } catch (cause) {
    tell({ kind: 'failed', fault: toFault(cause) });
    await end();
    return;
  }
  // A rejection is a bug or a store beyond repair: it ends the thread, with the cause told by the runtime.
  const kept = retention.run();
  await runner.run();
  await kept;
  await end();
}

function newRunner(reader: LogReader): Runner {
  return new Runner({
    reader,
    store,
    known,
    refresh,
    clock: systemClock,
    random: systemRandom,
    pace: setup.pace,
    outlet: {
      caughtUp: (next) => tell({ kind: 'caught-up', next }),
      committed: (report) => tell({ kind: 'committed', report }),
      effects: requestEffects,
      trouble: (fault) => tell({ kind: 'trouble', fault }),
      bug: (cause, about) => tell({ kind: 'bug', ...describe(cause, about) }),
    },
  });
}

function describe(cause: unknown, about: string): { readonly message: string; readonly stack: string } {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return { message: `${about}: ${error.message}`, stack: error.stack ?? '' };
}

async function end(): Promise<void> {
  await store.close();
  await logReader?.close();
  port.close();
}

port.on('message', hear);
