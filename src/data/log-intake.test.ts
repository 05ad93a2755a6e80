import { expect, it } from 'vitest';
import type { DeviceId } from '../model/ids.ts';
import type { DataPacket } from '../model/packet.ts';
import { noReceipts, type Receipts } from '../model/ports/ledger.ts';
import type { Log } from '../model/ports/log.ts';
import { silentMeter } from '../model/ports/meter.ts';
import { LogIntake } from './log-intake.ts';
import { MemoryRegistry, NOW } from './test-kit.ts';

/** Takes everything, and keeps it to be looked at. */
function memoryLog() {
  const appended: DataPacket[] = [];
  const log = {
    append: (packet: DataPacket) => appended.push(packet) - 1,
    committed: async () => undefined,
    refusal: 'log.full',
  } as unknown as Log;
  return { appended, log };
}

it('tells the sender item by item what an expression of the profile makes of it', async () => {
  const registry = new MemoryRegistry();
  await registry.putProfile({
    id: 'p',
    version: 1,
    metrics: { t: { type: 'number', expression: '100.0 / value' }, u: { type: 'number' } },
    derived: { d: { expression: 't / u' } },
  });
  await registry.add({ id: 'a', profile: 'p' });
  const { appended, log } = memoryLog();
  const intake = new LogIntake({ log, registry, meter: silentMeter, receipts: noReceipts });
  const body = Buffer.from('[{"t":50,"u":1},{"t":0,"u":1},{"t":50,"u":0}]');
  const receipt = await intake.submit({ device: 'a' as DeviceId, body, format: 'json', receivedAt: NOW });
  expect(receipt.ok && receipt.value).toEqual({
    accepted: 3,
    rejected: [
      { index: 1, code: 'reading.expression', message: '"t": 0 gives Infinity' },
      { index: 2, code: 'reading.expression', message: '"d": gives Infinity' },
    ],
  });
  expect(appended).toHaveLength(1);
});

it('counts a batch and what becomes of it in one turn: a tally never finds it in between', async () => {
  const registry = new MemoryRegistry();
  await registry.add({ id: 'a' });
  const { log } = memoryLog();
  const told: string[] = [];
  let undecided = 0;
  const receipts: Receipts = {
    account: (origin) => {
      const decide = (what: string): void => {
        undecided -= 1;
        told.push(`${origin} ${what}`);
      };
      return {
        received: () => {
          undecided += 1;
          queueMicrotask(() => expect(undecided).toBe(0));
        },
        logged: () => decide('logged'),
        dropped: (_at, reason) => decide(reason),
      };
    },
  };
  const intake = new LogIntake({ log, registry, meter: silentMeter, receipts });
  const submit = async (device: string, text: string): Promise<void> => {
    const batch = { body: Buffer.from(text), format: 'json', receivedAt: NOW } as const;
    await intake.submit({ ...batch, device: device as DeviceId });
  };
  await submit('a', '{"t":1}');
  await submit('a', '{"t":null}');
  await submit('a', 'no json');
  await submit('nobody', '{"t":1}');
  expect(told).toEqual(['a logged', 'a rejected', 'a invalid', '(others) invalid']);
});
