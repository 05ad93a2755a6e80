import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../model/packet.ts';
import { asMessage, decodeMeta, encodeMeta, type Meta, secondsLeft } from './message.ts';

const NOTHING: Meta = { retain: false, expiresAt: undefined, publisher: 0, packetId: 0, passed: undefined };
/** As the log gives it back: a view somewhere in a larger buffer. */
const within = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes && Uint8Array.from([9, 9, 9, ...bytes, 9]).subarray(3, 3 + bytes.length);

describe('what the log keeps beside a message', () => {
  it('is nothing for most of them, one byte for a retained one', () => {
    expect(encodeMeta(NOTHING)).toBeUndefined();
    expect(encodeMeta({ ...NOTHING, passed: new Uint8Array(0) })).toBeUndefined();
    expect(encodeMeta({ ...NOTHING, retain: true })).toHaveLength(1);
    expect(decodeMeta(undefined)).toEqual(NOTHING);
  });

  it('is read back as it was', () => {
    const metas = fc.record({
      retain: fc.boolean(),
      expiresAt: fc.option(fc.integer({ min: 0, max: 8_000_000_000_000 }), { nil: undefined }),
      publisher: fc.nat(2 ** 52),
      packetId: fc.nat(65_535),
      passed: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(metas, (meta) => {
        const { passed, ...rest } = decodeMeta(within(encodeMeta(meta)));
        expect(rest).toEqual({
          retain: meta.retain,
          expiresAt: meta.expiresAt,
          publisher: meta.publisher,
          packetId: meta.packetId,
        });
        expect(passed && [...passed]).toEqual(meta.passed && [...meta.passed]);
      }),
      { seed: 9 },
    );
  });

  it('has a layout that stays: records outlive versions', () => {
    const bytes = encodeMeta({
      retain: true,
      expiresAt: 1,
      publisher: 2,
      packetId: 0x0304,
      passed: Uint8Array.of(0xaa),
    });
    expect(Buffer.from(bytes ?? []).toString('hex')).toBe('0f000000000000f03f00000000000000400403aa');
  });

  it('of a version we do not know is left alone', () => {
    expect(decodeMeta(Uint8Array.of(0x11, 1, 2, 3))).toEqual(NOTHING);
  });

  it('makes a record of the log a message again', () => {
    const meta = encodeMeta({ ...NOTHING, retain: true, publisher: 5 });
    const record: LogRecord = {
      origin: '@admin',
      topic: 't',
      payload: Uint8Array.of(1),
      receivedAt: 1,
      qos: 2,
      format: 'auto',
      checked: false,
      meta,
      offset: 77,
    };
    const { topic, payload, qos, offset } = record;
    const known = { retain: true, passed: undefined, expiresAt: undefined, publisher: 5 };
    expect(asMessage(record)).toEqual({ topic, payload, qos, offset, ...known });
  });
});

describe('a message that expires', () => {
  it('has whole seconds left, rounded up, and none when its time has come', () => {
    expect([10_000, 10_001, 19_000, 20_000, 21_000].map((now) => secondsLeft(20_000, now))).toEqual([
      10, 10, 1, 0, -1,
    ]);
  });
});
