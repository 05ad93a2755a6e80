import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { fakeBroker } from '../test-kit/fake-broker.ts';
import { Fleet, type FleetOptions, type FleetReport } from './fleet.ts';

const options = (port: number, over: Partial<FleetOptions> = {}): FleetOptions => ({
  members: ['a', 'b', 'c'].map((id) => ({ id, token: `token-${id}` })),
  broker: { tls: false, host: '127.0.0.1', port, ca: undefined },
  ratePerS: 2_000,
  shares: { late: 0.05, duplicate: 0.05, malformed: 0.05 },
  dropout: 0,
  seed: 7,
  clock: systemClock,
  random: seededRandom(1),
  ...over,
});

const bounds = (messages: number) => ({
  durationMs: 20_000,
  messages,
  signal: new AbortController().signal,
  onSecond: (_report: FleetReport) => undefined,
});

describe('a fleet', () => {
  it('counts exactly what the broker received', async () => {
    await using broker = await fakeBroker();
    const fleet = new Fleet(options(broker.port));
    await fleet.connect();
    const report = await fleet.run(bounds(500));
    fleet.close();
    expect(report.sent).toBe(500);
    expect(report.acked).toBe(500);
    expect(report.unacked).toBe(0);
    expect(report.regular + report.late + report.duplicate + report.malformed).toBe(500);
    expect(broker.publishes).toHaveLength(500);
    const topics = new Set(broker.publishes.map(({ topic }) => topic));
    expect([...topics].toSorted()).toEqual(['v1/a/telemetry', 'v1/b/telemetry', 'v1/c/telemetry']);
    const refused = broker.publishes.filter(({ payload }) => !isWellFormed(String(payload)));
    expect(refused).toHaveLength(report.malformed);
    const readings = broker.publishes.length - refused.length;
    expect(report.readings).toBe(readings * 4);
  });

  it('authenticates every device with its own token', async () => {
    await using broker = await fakeBroker();
    const fleet = new Fleet(options(broker.port));
    await fleet.connect();
    fleet.close();
    const logins = broker.connects.map(({ username, password }) => [username, String(password)]);
    expect(logins.map((login) => login.join(' ')).toSorted()).toEqual([
      'a token-a',
      'b token-b',
      'c token-c',
    ]);
  });

  it('sends again what a broken connection left unacknowledged', async () => {
    let broken = false;
    await using broker = await fakeBroker({
      acks: () => {
        if (!broken && broker.publishes.length === 100) {
          broken = true;
          setImmediate(() => broker.breakConnections());
        }
        return broken || broker.publishes.length < 90;
      },
    });
    const fleet = new Fleet(options(broker.port));
    await fleet.connect();
    const report = await fleet.run(bounds(300));
    fleet.close();
    expect(report.unacked).toBe(0);
    expect(report.acked).toBe(300);
    expect(report.resent).toBeGreaterThanOrEqual(10);
    expect(report.reconnects).toBeGreaterThanOrEqual(3);
  });

  it('says auth.invalid when a device is refused', async () => {
    await using broker = await fakeBroker({ admit: ({ username }) => (username === 'b' ? 5 : 0) });
    const fleet = new Fleet(options(broker.port));
    await expect(fleet.connect()).rejects.toMatchObject({ code: 'auth.invalid' });
    fleet.close();
  });
});

function isWellFormed(payload: string): boolean {
  try {
    const { ts, values } = JSON.parse(payload) as { ts: number; values: Record<string, unknown> };
    return ts < Date.now() + 86_400_000 && Object.values(values).every((value) => typeof value === 'number');
  } catch {
    return false;
  }
}
