/** What the server counts of messages: each that came once, and what became of it. */
import { describe, expect, it } from 'vitest';
import type { Receipts } from '../../../model/ports/ledger.ts';
import { V5Client } from '../conformance/v5-client.ts';
import { publish } from '../conformance/v5-packets.ts';
import { publishPacket, until } from '../test-client.ts';
import { startRig } from '../test-support.ts';

/** Counts by sender and what happened. */
class CountingReceipts implements Receipts {
  readonly counts: Record<string, number> = {};

  account(origin: string): ReturnType<Receipts['account']> {
    const count = (what: string): void => {
      this.counts[`${origin} ${what}`] = (this.counts[`${origin} ${what}`] ?? 0) + 1;
    };
    return {
      received: () => count('received'),
      logged: () => count('logged'),
      dropped: (_at, reason) => count(reason),
    };
  }

  of(origin: string): Record<string, number> {
    const own = Object.entries(this.counts).filter(([key]) => key.startsWith(`${origin} `));
    return Object.fromEntries(own.map(([key, count]) => [key.slice(origin.length + 1), count]));
  }
}

const T = 'v1/d1/x';

describe('receipts', () => {
  it('count every message of a version 5 client under one outcome', async () => {
    const receipts = new CountingReceipts();
    await using rig = await startRig({ receipts });
    const client = await V5Client.connect(rig, { username: 'd1' });
    for (const qos of [1, 2] as const) await client.publish({ topic: T, qos });
    client.send(publish({ topic: T, qos: 0 }), publish({ topic: 'v1/d2/x', qos: 0 }));
    await client.publish({ topic: 'v1/d2/x', qos: 1 });
    await client.publish({ topic: T, qos: 1, payload: Buffer.of(0xff), properties: [['payloadFormat', 1]] });
    rig.log.isRefusing = true;
    await client.publish({ topic: T, qos: 1 });
    client.send(publish({ topic: T, qos: 0 }));
    await until(() => receipts.counts['d1 log_refused'] === 2);
    expect(receipts.of('d1')).toEqual({ received: 8, logged: 3, denied: 2, invalid: 1, log_refused: 2 });
  });

  it('count a QoS 2 message that comes again as repeated', async () => {
    const receipts = new CountingReceipts();
    await using rig = await startRig({ receipts });
    const client = await V5Client.connect(rig, { username: 'd1' });
    client.send(publish({ topic: T, qos: 2, id: 7 }), publish({ topic: T, qos: 2, id: 7, dup: true }));
    await until(() => receipts.counts['d1 repeated'] === 1);
    expect(receipts.of('d1')).toEqual({ received: 2, logged: 1, repeated: 1 });
  });

  it('count what ends the connection: not allowed before version 5, malformed, too large', async () => {
    const receipts = new CountingReceipts();
    await using rig = await startRig({ receipts });
    const denied = await rig.client('d1');
    denied.send(publishPacket('v1/d2/x', 'x'));
    await denied.closed;
    const malformed = await rig.client('d1');
    malformed.send(Buffer.of(0x32, 0x03, 0x00, 0x7f, 0x61));
    await malformed.closed;
    const large = await rig.client('d1');
    large.send(Buffer.of(0x32, 0xff, 0xff, 0xff, 0x7f));
    await large.closed;
    expect(receipts.of('d1')).toEqual({ received: 3, denied: 1, malformed: 1, too_large: 1 });
  });

  it('count a will as a message of its device', async () => {
    const receipts = new CountingReceipts();
    await using rig = await startRig({ receipts });
    const will = { topic: T, payload: Buffer.from('gone'), qos: 1, retain: false } as const;
    const client = await rig.client('d1', { will });
    client.destroy();
    await until(() => receipts.counts['d1 logged'] === 1);
    expect(receipts.of('d1')).toEqual({ received: 1, logged: 1 });
  });
});
