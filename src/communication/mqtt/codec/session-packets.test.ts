import { describe, expect, it } from 'vitest';
import { parseAuth, parseDisconnect } from './session-packets.ts';
import { bytesOf, inChunk, type Piece, sized, text, u16, u32, verdict } from './test-packets.ts';

const disconnect = (version: 3 | 4 | 5, ...pieces: readonly Piece[]) =>
  inChunk(bytesOf(...pieces), (chunk, start, end) => parseDisconnect(version, chunk, start, end));
const auth = (...pieces: readonly Piece[]) => inChunk(bytesOf(...pieces), parseAuth);
const METHOD = bytesOf(0x15, text('SCRAM'));
const ALL = Array.from({ length: 256 }, (_, reason) => reason);

describe('DISCONNECT', () => {
  it('before version 5 is empty [3.14.1]', () => {
    expect(disconnect(4)).toEqual({ reason: 0, sessionExpiryS: undefined });
    expect(verdict(disconnect(4, 0))).toBe('malformed');
    expect(verdict(disconnect(3, 0, 0))).toBe('malformed');
  });

  it('of version 5 may leave out its properties, and its reason [3.14.2.1, 3.14.2.2.1]', () => {
    expect(disconnect(5)).toEqual({ reason: 0, sessionExpiryS: undefined });
    expect(disconnect(5, 4)).toEqual({ reason: 4, sessionExpiryS: undefined });
    expect(disconnect(5, 0, 0)).toEqual({ reason: 0, sessionExpiryS: undefined });
    expect(
      disconnect(5, 0, sized(0x11, u32(0xffff_ffff), 0x1f, text('bye'), 0x26, text('k'), text('v'))),
    ).toEqual({
      reason: 0,
      sessionExpiryS: 0xffff_ffff,
    });
  });

  it('[MQTT-3.14.2-1] has a reason that clients may have', () => {
    const taken = ALL.filter((reason) => verdict(disconnect(5, reason)) === 'ok');
    expect(taken).toEqual([0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]);
    expect(verdict(disconnect(5, 0x8b))).toBe('protocolError');
  });

  it.each<[what: string, verdict: string, pieces: readonly Piece[]]>([
    ['a session expiry twice', 'protocolError', [0, sized(0x11, u32(1), 0x11, u32(1))]],
    ['a server reference', 'protocolError', [0, sized(0x1c, text('other'))]],
    ['a receive maximum', 'malformed', [0, sized(0x21, u16(1))]],
    ['bytes behind its properties', 'malformed', [0, 0, 0]],
    ['a list that is cut', 'malformed', [0, 5, 0x11]],
  ])('is refused for %s: %s', (_what, expected, pieces) => {
    expect(verdict(disconnect(5, ...pieces))).toBe(expected);
  });
});

describe('AUTH', () => {
  it('is a reason, a method and data that outlives the chunk', () => {
    const body = bytesOf(0x18, sized(METHOD, 0x16, text('data'), 0x1f, text('why')));
    const result = parseAuth(body, 0, body.length);
    body.fill(0xff);
    expect(result).toEqual({ reason: 0x18, method: 'SCRAM', data: Buffer.from('data') });
    expect(auth(0x19, sized(METHOD))).toEqual({ reason: 0x19, method: 'SCRAM', data: undefined });
  });

  it('[MQTT-3.15.2-1] from a client goes on or begins again', () => {
    const taken = ALL.filter((reason) => verdict(auth(reason, sized(METHOD))) === 'ok');
    expect(taken).toEqual([0x18, 0x19]);
    expect(verdict(auth(0, sized(METHOD)))).toBe('protocolError');
    expect(verdict(auth())).toBe('protocolError');
  });

  it.each<[what: string, verdict: string, pieces: readonly Piece[]]>([
    ['no method [3.15.2.2.2]', 'protocolError', [0x18, sized(0x16, text('data'))]],
    ['no properties at all', 'protocolError', [0x18]],
    ['a method twice', 'protocolError', [0x18, sized(METHOD, METHOD)]],
    ['data twice', 'protocolError', [0x18, sized(METHOD, 0x16, text(''), 0x16, text(''))]],
    ['a session expiry', 'malformed', [0x18, sized(METHOD, 0x11, u32(1))]],
    ['bytes behind its properties', 'malformed', [0x18, sized(METHOD), 0]],
  ])('is refused for %s: %s', (_what, expected, pieces) => {
    expect(verdict(auth(...pieces))).toBe(expected);
  });
});
