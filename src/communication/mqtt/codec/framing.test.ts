import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PACKET_MAX_BYTES, UNAUTHENTICATED_MAX_BYTES } from '../../../base/limits.ts';
import { Framing, MAXIMUM_PACKET_SIZE } from './framing.ts';
import { bytesOf, framed, sized, varint, written } from './test-packets.ts';

interface Seen {
  readonly header: number;
  readonly body: string;
}

function recorder(): { readonly seen: Seen[]; readonly framing: Framing } {
  const seen: Seen[] = [];
  const framing = new Framing((header, chunk, start, end) => {
    seen.push({ header, body: chunk.toString('hex', start, end) });
    return true;
  });
  return { seen, framing };
}

const encode = (header: number, body: Uint8Array): Buffer => bytesOf(header, sized(body));

describe('framing', () => {
  it('finds the same packets however the stream is cut', () => {
    const packets = fc.array(
      fc.record({ header: fc.integer({ min: 0, max: 255 }), body: fc.uint8Array({ maxLength: 400 }) }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (wanted, cuts) => {
        const { seen, framing } = recorder();
        const stream = Buffer.concat(wanted.map(({ header, body }) => encode(header, body)));
        for (let at = 0, i = 0; at < stream.length; i += 1) {
          const size = cuts[i % cuts.length] ?? 1;
          expect(framing.push(stream.subarray(at, at + size))).toBe(true);
          at += size;
        }
        const expected = wanted.map(({ header, body }) => ({
          header,
          body: Buffer.from(body).toString('hex'),
        }));
        expect(seen).toEqual(expected);
        expect(framing.packets).toBe(wanted.length);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it.each([
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 1]],
  ])('reads the length %i of table 2.4', (length, bytes) => {
    const { seen, framing } = recorder();
    expect(framing.push(Buffer.from([0x30, ...bytes, ...new Uint8Array(length)]))).toBe(true);
    expect(seen.map(({ body }) => body.length / 2)).toEqual([length]);
  });

  it('takes a length of more than four bytes for malformed, also when cut', () => {
    expect(recorder().framing.push(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 1]))).toBe(false);
    const { framing } = recorder();
    const verdicts = [0x10, 0x80, 0x80, 0x80, 0x80].map((byte) => framing.push(Buffer.from([byte])));
    expect(verdicts).toEqual([true, true, true, true, false]);
  });

  it('refuses a stranger 64 KiB by the header alone, and a known client beyond the largest packet', () => {
    const header = (length: number): Buffer => bytesOf(0x10, varint(length));
    expect(recorder().framing.push(header(UNAUTHENTICATED_MAX_BYTES))).toBe(true);
    expect(recorder().framing.push(header(UNAUTHENTICATED_MAX_BYTES + 1))).toBe(false);
    const known = recorder().framing;
    known.resume();
    expect(known.push(header(PACKET_MAX_BYTES + 70_000))).toBe(false);
    expect(known.push(header(PACKET_MAX_BYTES))).toBe(true);
    expect(known.missingBytes).toBe(PACKET_MAX_BYTES);
  });

  it('says what was wrong: a length that is none, one that is too large, or nothing', () => {
    const faultOf = (...bytes: number[]) => {
      const { framing } = recorder();
      framing.push(Buffer.from(bytes));
      return framing.fault;
    };
    expect(faultOf(0x10, 0x80, 0x80, 0x80, 0x80)).toBe('malformed');
    expect(faultOf(0x10, 0xff, 0xff, 0xff, 0x7f)).toBe('tooLarge');
    expect(faultOf(0x10, 0x01)).toBeUndefined();
    const stopped = new Framing(() => false);
    expect(stopped.push(Buffer.from([0x10, 0]))).toBe(false);
    expect(stopped.fault).toBeUndefined();
    const unwanted = new Framing(
      () => true,
      () => false,
    );
    expect(unwanted.push(Buffer.from([0x10]))).toBe(false);
    expect(unwanted.fault).toBe('malformed');
  });

  it('takes the largest packet that is promised, and not one byte more', () => {
    const known = recorder().framing;
    known.resume();
    const largest = MAXIMUM_PACKET_SIZE - 4;
    expect(known.push(bytesOf(0x30, varint(largest)))).toBe(true);
    const other = recorder().framing;
    other.resume();
    expect(other.push(bytesOf(0x30, varint(largest + 1)))).toBe(false);
    expect(other.fault).toBe('tooLarge');
  });

  it('[MQTT-1.5.5-1] notices a padded length, and ends on it where it must not be', () => {
    const padded = Buffer.from([0x30, 0x82, 0x80, 0x00, 1, 2]);
    const { seen, framing } = recorder();
    expect(framing.isMinimal).toBe(true);
    expect(framing.push(padded)).toBe(true);
    expect(seen).toEqual([{ header: 0x30, body: '0102' }]);
    expect(framing.isMinimal).toBe(false);
    const strict = recorder();
    strict.framing.resume(true);
    expect(strict.framing.push(Buffer.from([0x30, 0]))).toBe(true);
    expect([...padded].map((byte) => strict.framing.push(Buffer.from([byte]))).indexOf(false)).toBe(3);
    expect(strict.framing.fault).toBe('malformed');
    expect(strict.seen).toHaveLength(1);
  });

  it('hands whole packets on without a copy, and holds no chunk for what is cut', () => {
    const chunk = Buffer.alloc(20_000);
    const end = chunk.length;
    chunk.set([0x30, 2, 1, 2], 0);
    // Then one that is cut behind its second byte.
    chunk.set([0x30, 0x98, 0x9c, 0x01], 4);
    const handed: ArrayBufferLike[] = [];
    const framing = new Framing((_header, { buffer }) => {
      handed.push(buffer);
      return true;
    });
    framing.push(chunk.subarray(0, end - 10));
    framing.push(chunk.subarray(end - 10));
    expect(handed[0]).toBe(chunk.buffer);
    expect(handed[1]).not.toBe(chunk.buffer);
    expect(handed).toHaveLength(2);
  });

  it('keeps what comes while suspended, and goes on in order', () => {
    const seen: number[] = [];
    const framing = new Framing((header) => {
      seen.push(header);
      if (header === 1) framing.suspend();
      return true;
    });
    framing.push(Buffer.from([1, 0, 2, 0, 3]));
    framing.push(Buffer.from([0, 4, 1]));
    expect(seen).toEqual([1]);
    expect(framing.resume()).toBe(true);
    framing.push(Buffer.from([9, 5, 0]));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('looks at nothing behind a packet that ended the connection', () => {
    const seen: number[] = [];
    const framing = new Framing((header) => seen.push(header) < 2);
    expect(framing.push(Buffer.from([1, 0, 2, 0, 3, 0]))).toBe(false);
    expect(seen).toEqual([1, 2]);
  });
});

describe('a stream of packets of all kinds', () => {
  it('is the same wherever it is cut in two, and byte by byte', () => {
    const message = { cmd: 'publish', topic: 'a/b', dup: false, retain: false };
    const packets = [
      written(5, {
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 5,
        clientId: 'c',
        clean: true,
        keepalive: 1,
      }),
      written(5, {
        ...message,
        qos: 1,
        messageId: 1,
        payload: Buffer.alloc(200, 1),
        properties: { topicAlias: 1 },
      }),
      written(5, { ...message, qos: 0, payload: Buffer.alloc(0) }),
      written(5, { cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: '#', qos: 1 }] }),
      written(5, { cmd: 'pubrel', messageId: 1 }),
      written(5, { cmd: 'pingreq' }),
      written(5, { cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['#'] }),
      written(5, { cmd: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'M' } }),
      written(5, { cmd: 'disconnect', reasonCode: 0 }),
    ];
    const stream = Buffer.concat(packets);
    const whole = framed(stream);
    expect(whole.map(({ header }) => header)).toEqual([0x10, 0x32, 0x30, 0x82, 0x62, 0xc0, 0xa2, 0xf0, 0xe0]);
    for (let cut = 1; cut < stream.length; cut += 1)
      expect(framed(stream.subarray(0, cut), stream.subarray(cut))).toEqual(whole);
    expect(framed(...[...stream].map((byte) => Buffer.from([byte])))).toEqual(whole);
  });
});
