/** Machines whose servers crash, for tests: disks outlive them, the clock goes on, what was not on disk is gone. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { MemoryStateStore } from '../../../../test/support/memory-state.ts';
import { ManualClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { optionsAt, temporaryFolder } from '../../../log/lmdb/lmdb-log.fixture.ts';
import { openLog } from '../../../log/lmdb/lmdb-log.ts';
import { openLogLookup } from '../../../log/lmdb/log-lookup.ts';
import type { DataPacket } from '../../../model/packet.ts';
import { openStateStore } from '../../../state/lmdb/lmdb-state.ts';
import { FakeLog } from '../test-support.ts';
import { World } from './test-world.ts';

/** A message of nobody that sessions know. */
const STRANGER: DataPacket = {
  origin: '@stranger',
  topic: 'stranger',
  payload: Buffer.from('?'),
  receivedAt: 0,
  qos: 1,
  format: 'auto',
  checked: true,
};

export interface CrashingMachine {
  start(): Promise<World>;
  /** The server is gone in this moment; another starts. */
  crash(): Promise<World>;
  /** The log commits what it has; resolves when that is done. */
  commit(): Promise<void>;
  /** The first offset that is not on disk. */
  readonly durable: number;
  dispose(): Promise<void>;
}

/** A log that commits when told to, a state store that takes a turn. */
export class Machine implements CrashingMachine {
  log = new FakeLog(false);
  readonly state = new MemoryStateStore();
  readonly #clock = new ManualClock();

  get durable(): number {
    return this.log.durable;
  }

  start(): Promise<World> {
    const { log, state } = this;
    return World.started({ log, lookup: log, state, clock: this.#clock });
  }

  /** `strangers`: messages that come into the log before sessions are there again. */
  async crash(strangers = 0): Promise<World> {
    const before = this.log;
    // Writes on their way never arrive.
    this.state.writeFault = new Error('crash');
    for (let i = 0; i < 4; i += 1) await turn();
    this.state.writeFault = undefined;
    this.log = new FakeLog(false);
    for (const packet of before.packets.slice(0, before.durable)) this.log.append(packet);
    this.log.commit();
    for (const offset of before.gone) this.log.gone.add(offset);
    this.log.recoveredAt = this.log.next;
    for (let i = 0; i < strangers; i += 1) this.log.append(STRANGER);
    this.log.commit();
    return await this.start();
  }

  async commit(): Promise<void> {
    this.log.commit();
    await turn();
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

type Stores = Awaited<ReturnType<typeof openStores>>;

async function openStores(path: string) {
  const log = await openLog(optionsAt(join(path, 'log')));
  const lookup = openLogLookup({ path: join(path, 'log') });
  const state = await openStateStore({ path: join(path, 'state'), logger: silentLogger });
  return { log, lookup, state };
}

/** Real stores: a crash is a copy of their files as they are in that moment. */
export class LmdbMachine implements CrashingMachine {
  readonly #folder = temporaryFolder();
  readonly #opened: Stores[] = [];
  readonly #clock = new ManualClock(Date.now());
  #starts = 0;

  get durable(): number {
    return this.#opened.at(-1)?.log.durable ?? 0;
  }

  get #path(): string {
    return join(this.#folder.path, `${this.#starts}`);
  }

  async start(): Promise<World> {
    const stores = await openStores(this.#path);
    this.#opened.push(stores);
    return await World.started({ ...stores, clock: this.#clock });
  }

  crash(): Promise<World> {
    const before = this.#path;
    this.#starts += 1;
    cpSync(before, this.#path, { recursive: true });
    return this.start();
  }

  async commit(): Promise<void> {
    const log = this.#opened.at(-1)?.log;
    if (log !== undefined && log.next > 0) await log.committed(log.next - 1);
  }

  async dispose(): Promise<void> {
    for (const { log, lookup, state } of this.#opened) {
      await Promise.all([lookup.close(), log.close()]);
      await state.close();
    }
    this.#folder.remove();
  }
}
