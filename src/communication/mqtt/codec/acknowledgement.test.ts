import { describe, expect, it } from 'vitest';
import { parseAcknowledgement } from './acknowledgement.ts';
import { bytesOf, inChunk, type Piece, sized, text, u16, u32, verdict } from './test-packets.ts';

type Type = 4 | 5 | 6 | 7;
const TYPES: readonly Type[] = [4, 5, 6, 7];
const read = (version: 3 | 4 | 5, type: Type, ...pieces: readonly Piece[]) =>
  inChunk(bytesOf(...pieces), (chunk, start, end) => parseAcknowledgement(version, type, chunk, start, end));

describe('PUBACK, PUBREC, PUBREL and PUBCOMP', () => {
  it('of any version may be the id alone: success [3.4.2.1]', () => {
    for (const version of [3, 4, 5] as const)
      for (const type of TYPES)
        expect(read(version, type, u16(0x1234))).toEqual({ packetId: 0x1234, reason: 0 });
  });

  it('before version 5 are nothing else', () => {
    for (const pieces of [[], [1], [u16(1), 0], [u16(1), 0, 0]])
      expect(verdict(read(4, 4, ...pieces))).toBe('malformed');
  });

  it('of version 5 have a reason, and may have properties [3.4.2.2.1]', () => {
    const list = sized(0x1f, text('why'), 0x26, text('k'), text('v'), 0x26, text('k'), text('v'));
    for (const pieces of [[0], [0, 0], [0, list]])
      for (const type of TYPES) expect(read(5, type, u16(7), ...pieces)).toEqual({ packetId: 7, reason: 0 });
  });

  it('[MQTT-2.2.1-3] have an id that is not 0', () => {
    for (const type of TYPES) {
      expect(verdict(read(4, type, u16(0)))).toBe('protocolError');
      expect(verdict(read(5, type, u16(0), 0))).toBe('protocolError');
    }
  });

  it('[MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1] have one of their own reasons', () => {
    const received = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    for (const type of TYPES) {
      const taken = Array.from({ length: 256 }, (_, reason) => reason).filter(
        (reason) => verdict(read(5, type, u16(1), reason)) === 'ok',
      );
      expect(taken).toEqual(type <= 5 ? received : [0, 0x92]);
    }
    expect(verdict(read(5, 4, u16(1), 0x81))).toBe('protocolError');
  });

  it.each<[what: string, verdict: string, pieces: readonly Piece[]]>([
    ['a reason string twice', 'protocolError', [0, sized(0x1f, text('a'), 0x1f, text('a'))]],
    ['a property of another packet', 'malformed', [0, sized(0x11, u32(1))]],
    ['a list that is cut', 'malformed', [0, 3, 0x1f]],
    ['bytes behind the list', 'malformed', [0, 0, 0]],
  ])('are refused for %s: %s', (_what, expected, pieces) => {
    for (const type of TYPES) expect(verdict(read(5, type, u16(1), ...pieces))).toBe(expected);
  });
});
