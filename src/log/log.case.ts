/**
 * What every log must do, whoever stores it. Each implementation runs these cases from its own test file.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HTTP_BODY_MAX_BYTES, LOG_META_MAX_BYTES } from '../base/limits.ts';
import type { DeviceId } from '../model/ids.ts';
import { type DataPacket, type LogRecord, type Offset, PAYLOAD_FORMATS } from '../model/packet.ts';
import { type Log, type LogLookup, type LogReader, REFUSED } from '../model/ports/log.ts';

export interface LogUnderTest {
  readonly log: Log;
  readonly reader: LogReader;
  readonly lookup: LogLookup;
  /** Closes all, and opens the same log again. */
  reopen(): Promise<LogUnderTest>;
  /** Closes all, and removes what was stored. */
  dispose(): Promise<void>;
}

export const packetOf = (fields: Partial<DataPacket> = {}): DataPacket => ({
  origin: 'sensor-1' as DeviceId,
  topic: 'v1/sensor-1/telemetry',
  payload: Buffer.from('{"temperature":21.5}'),
  receivedAt: 1_790_000_000_000,
  qos: 1,
  format: 'auto',
  checked: false,
  ...fields,
});

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The reused record, copied out. */
export function copyOf(record: LogRecord): Record<string, unknown> {
  const { offset, origin, topic, receivedAt, qos, format, checked, meta } = record;
  const payload = hexOf(record.payload);
  return { offset, origin, topic, receivedAt, qos, format, checked, payload, meta: meta && hexOf(meta) };
}

/** All records from `from` on, copied out of the reused record. */
export function readAll(
  reader: LogReader,
  from: Offset = 0,
  maxBytes = 1_000_000,
): Record<string, unknown>[] {
  const records: Record<string, unknown>[] = [];
  for (let at = from; ; ) {
    const next = reader.read(at, maxBytes, (record) => records.push(copyOf(record)));
    if (next === at) return records;
    at = next;
  }
}

export const asRecord = (packet: DataPacket, offset: Offset): Record<string, unknown> =>
  copyOf({ ...packet, offset });

export async function appendAll(log: Log, packets: readonly DataPacket[]): Promise<readonly Offset[]> {
  const offsets = packets.map((packet) => log.append(packet));
  expect(offsets).not.toContain(REFUSED);
  const last = offsets.at(-1);
  if (last !== undefined) await log.committed(last);
  return offsets;
}

const anyText = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.toWellFormed());
const anyPacket: fc.Arbitrary<DataPacket> = fc.record({
  origin: anyText.map((text): `@${string}` => `@${text}`),
  topic: anyText,
  payload: fc.uint8Array({ maxLength: 300 }),
  receivedAt: fc.integer({ min: 0, max: 2 ** 45 }),
  qos: fc.constantFrom(0, 1, 2),
  format: fc.constantFrom(...PAYLOAD_FORMATS),
  checked: fc.boolean(),
  meta: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
});

export function logCases(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`${name} as a log`, () => {
    let under: LogUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.dispose());

    for (const cases of [
      offsetCases,
      listenerCases,
      sizeCases,
      roundTripCases,
      readingCases,
      lookupCases,
      endangeredCases,
    ]) {
      cases(() => under);
    }

    it('goes on after the last committed record when it is opened again', async () => {
      await appendAll(under.log, [packetOf(), packetOf({ topic: 'b' })]);
      under = await under.reopen();
      expect([under.log.first, under.log.next, under.log.durable]).toEqual([0, 2, 2]);
      expect(await appendAll(under.log, [packetOf({ topic: 'c' })])).toEqual([2]);
      expect(readAll(under.reader).map(({ topic }) => topic)).toEqual(['v1/sensor-1/telemetry', 'b', 'c']);
    });
  });
}

function offsetCases(under: () => LogUnderTest): void {
  it('gives consecutive offsets and counts what is on disk', async () => {
    const { log } = under();
    expect([log.next, log.durable]).toEqual([0, 0]);
    expect([log.append(packetOf()), log.append(packetOf())]).toEqual([0, 1]);
    expect([log.next, log.durable]).toEqual([2, 0]);
    await log.committed(1);
    expect([log.next, log.durable]).toEqual([2, 2]);
    await log.committed(0);
  });

  it('copies payload and meta: the caller may reuse its chunk at once', async () => {
    const { log, reader } = under();
    const chunk = Buffer.from('first');
    const offset = log.append(packetOf({ payload: chunk, meta: chunk }));
    chunk.write('XXXXX');
    await log.committed(offset);
    const hex = Buffer.from('first').toString('hex');
    expect(readAll(reader)[0]).toMatchObject({ payload: hex, meta: hex });
  });
}

function listenerCases(under: () => LogUnderTest): void {
  it('tells listeners once per commit, in order, until all is told; and no more once they leave', async () => {
    const { log } = under();
    const told: Offset[] = [];
    const leave = log.listen({
      committed: (through) => told.push(through),
      failed: (_from, _through, error) => expect.unreachable(error.message),
      congestion: () => undefined,
    });
    for (let i = 0; i < 20; i += 1) {
      log.append(packetOf());
      if (i % 5 === 0) await log.committed(log.next - 1);
    }
    await log.committed(19);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(new Set(told).size).toBe(told.length);
    expect(told.at(-1)).toBe(19);
    leave();
    await appendAll(log, [packetOf()]);
    expect(told.at(-1)).toBe(19);
  });

  it('has told its listeners before `committed` resolves', async () => {
    const { log } = under();
    let through = -1;
    log.listen({
      committed: (offset) => {
        through = offset;
      },
      failed: () => undefined,
      congestion: () => undefined,
    });
    await log.committed(log.append(packetOf()));
    expect(through).toBe(0);
  });
}

function sizeCases(under: () => LogUnderTest): void {
  it('takes a whole HTTP batch as one record, and refuses more', async () => {
    const { log, reader } = under();
    const payload = Buffer.alloc(HTTP_BODY_MAX_BYTES, 7);
    await appendAll(log, [packetOf(), packetOf({ payload }), packetOf()]);
    expect(readAll(reader).map((record) => String(record.payload).length / 2)).toEqual([
      20,
      HTTP_BODY_MAX_BYTES,
      20,
    ]);
    expect(log.append(packetOf({ payload: Buffer.alloc(2 * HTTP_BODY_MAX_BYTES) }))).toBe(REFUSED);
    expect(log.refusal).toBe('payload.too_large');
    expect(log.append(packetOf({ topic: 'x'.repeat(70_000) }))).toBe(REFUSED);
    expect(log.refusal).toBe('topic.invalid');
    expect(log.next).toBe(3);
  });

  it('takes what fits beside a payload, and refuses more', async () => {
    const { log, reader } = under();
    const longest = Buffer.alloc(LOG_META_MAX_BYTES, 9);
    await appendAll(log, [packetOf({ meta: longest }), packetOf({ meta: Buffer.alloc(0) }), packetOf()]);
    expect(readAll(reader).map(({ meta }) => meta)).toEqual([longest.toString('hex'), '', undefined]);
    expect(log.append(packetOf({ meta: Buffer.alloc(LOG_META_MAX_BYTES + 1) }))).toBe(REFUSED);
    expect([log.refusal, log.next]).toEqual(['payload.too_large', 3]);
  });

  it('says it is congested when the disk lags, refuses at twice that, and recovers', async () => {
    const { log } = under();
    const said: boolean[] = [];
    log.listen({
      committed: () => undefined,
      failed: () => undefined,
      congestion: (congested) => said.push(congested),
    });
    const packet = packetOf({ payload: Buffer.alloc(1_000_000) });
    let accepted = 0;
    while (log.append(packet) !== REFUSED) accepted += 1;
    expect(log.refusal).toBe('log.congested');
    expect(log.congested).toBe(true);
    expect(accepted).toBeGreaterThan(60);
    await log.committed(accepted - 1);
    expect(said).toEqual([true, false]);
    expect(log.congested).toBe(false);
    expect(await appendAll(log, [packet])).toEqual([accepted]);
  });
}

function roundTripCases(under: () => LogUnderTest): void {
  it('gives back what was appended, from any offset', async () => {
    const { log, reader } = under();
    const all: Record<string, unknown>[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPacket, { minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.integer({ min: 1, max: 20_000 }),
        async (packets, anywhere, maxBytes) => {
          const offsets = await appendAll(log, packets);
          all.push(...packets.map((packet, i) => asRecord(packet, offsets[i] ?? REFUSED)));
          const from = anywhere % (all.length + 1);
          expect(readAll(reader, from, maxBytes)).toEqual(all.slice(from));
        },
      ),
      { numRuns: 40, seed: 1_790 },
    );
  });
}

function readingCases(under: () => LogUnderTest): void {
  it('reads nothing at the end, and what is new from there on', async () => {
    const { log, reader } = under();
    expect(reader.read(0, 1_000, () => expect.unreachable())).toBe(0);
    await appendAll(log, [packetOf({ topic: 'a' }), packetOf({ topic: 'b' })]);
    expect(reader.read(0, 1_000, () => undefined)).toBe(2);
    expect(reader.read(2, 1_000, () => expect.unreachable())).toBe(2);
    await appendAll(log, [packetOf({ topic: 'c' })]);
    expect(readAll(reader, 2).map(({ topic }) => topic)).toEqual(['c']);
  });

  it('stops near the bytes asked for, and always gets on', async () => {
    const { log, reader } = under();
    for (let i = 0; i < 5; i += 1) await appendAll(log, [packetOf({ payload: Buffer.alloc(10_000) })]);
    const stops: Offset[] = [0];
    for (let at = 0; at < 5; ) {
      const next = reader.read(at, 15_000, () => undefined);
      expect(next).toBeGreaterThan(at);
      stops.push(next);
      at = next;
    }
    expect(stops.length).toBeGreaterThan(2);
    expect(reader.read(0, 1, () => undefined)).toBeGreaterThan(0);
  });

  it('lets what the consumer throws pass, and can be read again', async () => {
    const { log, reader } = under();
    await appendAll(log, [packetOf(), packetOf()]);
    expect(() => reader.read(0, 1_000, throwing)).toThrow(RangeError);
    expect(readAll(reader)).toHaveLength(2);
  });
}

function lookupCases(under: () => LogUnderTest): void {
  const copyAt = (offset: Offset): Record<string, unknown> | undefined => {
    const record = under().lookup.get(offset);
    return record && copyOf(record);
  };

  it('finds each record by its offset, in any order, as blocks come', async () => {
    const { log } = under();
    const all: Record<string, unknown>[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPacket, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 100 }),
        async (packets, anywhere) => {
          const offsets = await appendAll(log, packets);
          all.push(...packets.map((packet, i) => asRecord(packet, offsets[i] ?? REFUSED)));
          for (const at of anywhere.map((any) => any % all.length)) expect(copyAt(at)).toEqual(all[at]);
          expect(offsets.map(copyAt)).toEqual(all.slice(offsets[0]));
        },
      ),
      { numRuns: 30, seed: 1_790 },
    );
  });

  it('finds nothing where nothing is, and what is on disk once it is', async () => {
    const { log } = under();
    expect([copyAt(0), copyAt(-1), copyAt(7)]).toEqual([undefined, undefined, undefined]);
    const offset = log.append(packetOf({ topic: 'a' }));
    expect(copyAt(offset)).toBeUndefined();
    await log.committed(offset);
    expect(copyAt(offset)).toMatchObject({ offset, topic: 'a' });
    expect([copyAt(-1), copyAt(1), copyAt(1_000_000)]).toEqual([undefined, undefined, undefined]);
    await appendAll(log, [packetOf({ topic: 'b' })]);
    expect([copyAt(1)?.topic, copyAt(0)?.topic]).toEqual(['b', 'a']);
  });

  it('gives bytes that stay until it is asked again', async () => {
    const { log, lookup } = under();
    await appendAll(log, [packetOf({ payload: Buffer.from('one'), meta: Buffer.from('1') })]);
    const record = lookup.get(0);
    await appendAll(log, [packetOf({ payload: Buffer.from('two') })]);
    readAll(under().reader);
    expect(record && copyOf(record)).toMatchObject({ payload: hexOf(Buffer.from('one')), meta: '31' });
    expect(copyAt(1)).toMatchObject({ payload: hexOf(Buffer.from('two')), meta: undefined });
  });
}

function endangeredCases(under: () => LogUnderTest): void {
  it('names nothing that is endangered where all has room, and all where nothing has', async () => {
    const { log } = under();
    expect([log.endangered(1), log.endangered(0)]).toEqual([0, 0]);
    for (let i = 0; i < 5; i += 1) await appendAll(log, [packetOf({ receivedAt: Date.now() })]);
    expect([log.endangered(1), log.endangered(0.5), log.endangered(0)]).toEqual([0, 0, 5]);
    log.append(packetOf());
    expect(log.endangered(0)).toBe(5);
    expect(() => log.endangered(80)).toThrow('BUG');
  });
}

function throwing(): never {
  throw new RangeError('consumer');
}
