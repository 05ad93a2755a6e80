import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PACKET_MAX_BYTES, UNAUTHENTICATED_MAX_BYTES } from '../../../base/limits.ts';
import { Framing } from './framing.ts';

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

const lengthOf = (length: number): number[] => {
  const bytes: number[] = [];
  let rest = length;
  do {
    bytes.push((rest & 0x7f) | (rest > 127 ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
};
const encode = (header: number, body: Uint8Array): Buffer =>
  Buffer.from([header, ...lengthOf(body.length), ...body]);

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
    const header = (length: number): Buffer => Buffer.from([0x10, ...lengthOf(length)]);
    expect(recorder().framing.push(header(UNAUTHENTICATED_MAX_BYTES))).toBe(true);
    expect(recorder().framing.push(header(UNAUTHENTICATED_MAX_BYTES + 1))).toBe(false);
    const known = recorder().framing;
    known.resume();
    expect(known.push(header(PACKET_MAX_BYTES + 70_000))).toBe(false);
    expect(known.push(header(PACKET_MAX_BYTES))).toBe(true);
    expect(known.missingBytes).toBe(PACKET_MAX_BYTES);
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
