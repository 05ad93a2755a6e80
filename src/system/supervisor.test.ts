import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import { MANAGER_RESTART_WINDOW_MS, MANAGER_RESTARTS_MAX } from '../base/limits.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import type { SensoriumError } from '../model/errors.ts';
import { silentMeter } from '../model/ports/meter.ts';
import { Supervisor } from './supervisor.ts';

class FakeManager implements Manager {
  readonly name: string;
  readonly calls: string[];
  refuseStarts = 0;
  #fail: (cause: Error) => void = () => undefined;

  constructor(name: string, calls: string[] = []) {
    this.name = name;
    this.calls = calls;
  }

  async start(): Promise<void> {
    this.calls.push(`${this.name} start`);
    if (this.refuseStarts > 0) {
      this.refuseStarts -= 1;
      throw new Error(`${this.name} will not start`);
    }
  }

  async stop(): Promise<void> {
    this.calls.push(`${this.name} stop`);
  }

  health(): Health {
    return UP;
  }

  onFailure(listener: (cause: Error) => void): void {
    this.#fail = listener;
  }

  fail(message: string): void {
    this.#fail(new Error(message));
  }
}

function supervise(groups: Manager[][]): {
  supervisor: Supervisor;
  clock: ManualClock;
  events: string[];
  fatal: SensoriumError[];
} {
  const clock = new ManualClock();
  const events: string[] = [];
  const fatal: SensoriumError[] = [];
  const supervisor = new Supervisor({
    groups,
    events: { publish: (type, subject) => void events.push(`${type} ${subject}`) },
    meter: silentMeter,
    logger: silentLogger,
    clock,
    random: seededRandom(1),
    onFatal: (cause) => fatal.push(cause),
    wait: async () => undefined,
  });
  return { supervisor, clock, events, fatal };
}

/** Lets the restart's promises run. */
const settle = async (): Promise<void> => await new Promise((done) => setTimeout(done, 5));

describe('supervisor', () => {
  it('starts groups in order and stops them in reverse', async () => {
    const calls: string[] = [];
    const { supervisor } = supervise([
      [new FakeManager('security', calls)],
      [new FakeManager('data', calls)],
    ]);
    await supervisor.start();
    await supervisor.stop();
    expect(calls).toEqual(['security start', 'data start', 'data stop', 'security stop']);
  });

  it('restarts a failed manager and leaves the others alone', async () => {
    const data = new FakeManager('data');
    const devices = new FakeManager('devices');
    const { supervisor, events, fatal } = supervise([[data, devices]]);
    await supervisor.start();
    data.fail('worker gone');
    expect(supervisor.health()).toMatchObject({ ready: false, managers: { devices: { status: 'up' } } });
    expect(supervisor.health().managers['data']?.reasons[0]).toContain('worker gone');
    await settle();
    expect(data.calls).toEqual(['data start', 'data stop', 'data start']);
    expect(devices.calls).toEqual(['devices start']);
    expect(events).toEqual(['system.degraded data', 'system.recovered data']);
    expect(supervisor.health().ready).toBe(true);
    expect(fatal).toEqual([]);
  });

  it('goes on trying when the restart itself fails', async () => {
    const data = new FakeManager('data');
    const { supervisor, fatal } = supervise([[data]]);
    await supervisor.start();
    data.refuseStarts = 2;
    data.fail('worker gone');
    await settle();
    expect(supervisor.health().ready).toBe(true);
    expect(fatal).toEqual([]);
  });

  it('gives up after the bound, naming the manager and its last cause', async () => {
    const data = new FakeManager('data');
    const { supervisor, fatal } = supervise([[data]]);
    await supervisor.start();
    for (let i = 0; i <= MANAGER_RESTARTS_MAX; i += 1) {
      data.fail(`crash ${i}`);
      await settle();
    }
    expect(fatal.map((cause) => cause.code)).toEqual(['manager.failed']);
    expect(fatal[0]?.message).toContain('data');
    expect(fatal[0]?.message).toContain(`crash ${MANAGER_RESTARTS_MAX}`);
  });

  it('forgets restarts that are older than the window', async () => {
    const data = new FakeManager('data');
    const { supervisor, clock, fatal } = supervise([[data]]);
    await supervisor.start();
    for (let i = 0; i <= MANAGER_RESTARTS_MAX * 2; i += 1) {
      data.fail(`crash ${i}`);
      await settle();
      clock.advance(MANAGER_RESTART_WINDOW_MS / 2);
    }
    expect(fatal).toEqual([]);
  });

  it('undoes what started when one manager cannot start', async () => {
    const security = new FakeManager('security');
    const data = new FakeManager('data');
    data.refuseStarts = 1;
    const { supervisor } = supervise([[security], [data]]);
    await expect(supervisor.start()).rejects.toThrow('data will not start');
    expect(security.calls).toEqual(['security start', 'security stop']);
  });
});
