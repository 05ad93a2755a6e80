import { describe, expect, it } from 'vitest';
import { type DeviceId, parseDeviceId } from '../../model/ids.ts';
import { deviceOfToken, hashDeviceToken, matchesAny, newDeviceToken } from './device-token.ts';

function id(text: string): DeviceId {
  const parsed = parseDeviceId(text);
  if (!parsed.ok) throw parsed.error;
  return parsed.value;
}

describe('device tokens', () => {
  it('say whose they are, for ids of any length, and never repeat', () => {
    for (const text of ['a', 'x'.repeat(128), 'zigbee:00.11_22-33']) {
      const tokens = new Set(Array.from({ length: 50 }, () => newDeviceToken(id(text))));
      expect(tokens.size).toBe(50);
      for (const token of tokens) expect(deviceOfToken(token)).toBe(text);
    }
  });

  it.each([
    ['another prefix', (token: string) => token.replace('sdt.', 'sdx.')],
    ['a secret that is too short', (token: string) => token.slice(0, -1)],
    ['something behind it', (token: string) => `${token}a`],
    ['a new line behind it', (token: string) => `${token}\n`],
    ['padding', (token: string) => token.replace('YQ', 'YQ==')],
    ['another spelling of the same id', (token: string) => token.replace('YQ', 'YR')],
    ['an id that cannot be', (token: string) => token.replace('YQ', Buffer.from('#').toString('base64url'))],
    ['no id', (token: string) => token.replace('YQ', '')],
    ['a long id', (token: string) => token.replace('YQ', 'YWFh'.repeat(100))],
  ])('are refused with %s', (_what, change) => {
    const token = newDeviceToken(id('a'));
    expect(deviceOfToken(token)).toBe('a');
    expect(deviceOfToken(change(token))).toBeUndefined();
  });

  it('hash differently under the key of another installation', () => {
    const token = newDeviceToken(id('a'));
    const one = hashDeviceToken(Buffer.alloc(32, 1), token);
    expect(one.equals(hashDeviceToken(Buffer.alloc(32, 2), token))).toBe(false);
    expect(one.equals(hashDeviceToken(Buffer.alloc(32, 1), token))).toBe(true);
  });

  it('are compared with every known hash, whether or not one matched before', () => {
    const hash = Buffer.alloc(32, 7);
    const seen: number[] = [];
    const watched = (values: readonly Buffer[]): readonly Uint8Array[] =>
      new Proxy(values, {
        get(target, key, receiver) {
          if (typeof key === 'string' && /^\d+$/.test(key)) seen.push(Number(key));
          return Reflect.get(target, key, receiver);
        },
      });
    const other = Buffer.alloc(32, 8);
    expect(matchesAny(hash, watched([hash, other, other]))).toBe(true);
    expect(matchesAny(hash, watched([other, other, other]))).toBe(false);
    expect(seen).toEqual([0, 1, 2, 0, 1, 2]);
    expect(matchesAny(hash, [Buffer.alloc(31, 7)])).toBe(false);
    expect(matchesAny(hash, [])).toBe(false);
  });
});
