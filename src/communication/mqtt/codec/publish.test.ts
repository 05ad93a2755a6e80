import { describe, expect, it } from 'vitest';
import { decodePassed, type PublishProperties, parsePublishProperties } from './publish.ts';
import { isFault } from './reason.ts';
import { bytesOf, inChunk, type Piece, sized, text, u16, u32, verdict } from './test-packets.ts';

const PAYLOAD = Buffer.from('payload');
const read = (...list: readonly Piece[]) => inChunk(bytesOf(sized(...list), PAYLOAD), parsePublishProperties);

function properties(...list: readonly Piece[]): PublishProperties {
  const result = read(...list);
  if (isFault(result)) throw new Error(result.why);
  return result.properties;
}

describe('the properties of a PUBLISH', () => {
  it('end where the payload begins', () => {
    for (const list of [[], [0x01, 1], [0x26, text('k'), text('v'.repeat(20_000))]]) {
      const bytes = bytesOf(sized(...list), PAYLOAD);
      const result = parsePublishProperties(bytes, 0, bytes.length);
      expect(isFault(result) ? result : result.end).toBe(bytes.length - PAYLOAD.length);
    }
  });

  it('are told apart: what the server acts on, and what it passes on', () => {
    const said = properties(0x23, u16(5), 0x02, u32(60), 0x01, 1, 0x03, text('text/plain'));
    expect(said).toMatchObject({ topicAlias: 5, expiryS: 60, isUtf8: true });
    expect(Buffer.from(said.passed)).toEqual(bytesOf(0x01, 1, 0x03, text('text/plain')));
    expect(properties()).toMatchObject({ topicAlias: 0, expiryS: undefined, isUtf8: false });
    expect(properties(0x01, 0).isUtf8).toBe(false);
  });

  it('[MQTT-3.3.2-17, MQTT-3.3.2-18] are passed on byte for byte, in order, whatever stands between', () => {
    const user = (name: string, value: string): Buffer => bytesOf(0x26, text(name), text(value));
    const first = bytesOf(user('b', '1'), user('a', '2'), 0x09, text(Buffer.from([0, 0xff])));
    const second = bytesOf(user('b', '3'), 0x08, text('reply/to'), 0x03, text(''));
    const { passed } = properties(0x02, u32(1), first, 0x23, u16(1), second);
    expect(Buffer.from(passed)).toEqual(bytesOf(first, second));
    expect(decodePassed(passed)).toEqual({
      correlationData: Buffer.from([0, 0xff]),
      responseTopic: 'reply/to',
      contentType: '',
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    });
  });

  it('are passed on without a copy where they lie side by side', () => {
    const isView = (...list: readonly Piece[]): boolean => {
      const chunk = bytesOf(sized(...list));
      const result = parsePublishProperties(chunk, 0, chunk.length);
      return !isFault(result) && result.properties.passed.buffer === chunk.buffer;
    };
    const user = bytesOf(0x26, text('k'), text('v'));
    // Not from the pool, which two buffers may share.
    const large = bytesOf(0x26, text('k'), text('v'.repeat(20_000)));
    expect(isView(0x02, u32(1), large, user, 0x23, u16(1))).toBe(true);
    expect(isView(large, 0x02, u32(1), user)).toBe(false);
  });

  it('say nothing when there are none', () => {
    expect(decodePassed(new Uint8Array(0))).toEqual({ userProperties: [] });
  });

  it.each<[what: string, verdict: string, list: readonly Piece[]]>([
    ['alias 0 [MQTT-3.3.2-8]', 'topicAliasInvalid', [0x23, u16(0)]],
    ['alias twice [3.3.2.3.4]', 'protocolError', [0x23, u16(1), 0x23, u16(1)]],
    ['expiry twice [3.3.2.3.3]', 'protocolError', [0x02, u32(1), 0x02, u32(1)]],
    ['payload format twice [3.3.2.3.2]', 'protocolError', [0x01, 1, 0x01, 1]],
    ['payload format 2', 'protocolError', [0x01, 2]],
    ['content type twice [3.3.2.3.9]', 'protocolError', [0x03, text('a'), 0x03, text('a')]],
    ['correlation data twice [3.3.2.3.6]', 'protocolError', [0x09, text('a'), 0x09, text('a')]],
    ['response topic twice [3.3.2.3.5]', 'protocolError', [0x08, text('a'), 0x08, text('a')]],
    ['response topic with + [MQTT-3.3.2-14]', 'protocolError', [0x08, text('a/+/b')]],
    ['response topic with # [MQTT-3.3.2-14]', 'protocolError', [0x08, text('#')]],
    ['an empty response topic [MQTT-4.7.3-1]', 'protocolError', [0x08, text('')]],
    ['subscription identifier [MQTT-3.3.4-6]', 'protocolError', [0x0b, 1]],
    ['response topic that is no UTF-8 [MQTT-3.3.2-13]', 'malformed', [0x08, text(Buffer.from([0xff]))]],
    ['content type that is no UTF-8 [MQTT-3.3.2-19]', 'malformed', [0x03, text(Buffer.from([0xc3]))]],
    ['U+0000 in a name [MQTT-1.5.4-2]', 'malformed', [0x26, text('\0'), text('')]],
    ['a reason string, which is the answers’', 'malformed', [0x1f, text('why')]],
    ['a will delay', 'malformed', [0x18, u32(1)]],
    ['an unknown property', 'malformed', [0x04, 0]],
    ['a value cut at the end of the list', 'malformed', [0x02, 0, 0]],
    ['a text that is longer than the list', 'malformed', [0x03, 0xff, 0xff]],
  ])('are refused for %s: %s', (_what, expected, list) => {
    expect(verdict(read(...list))).toBe(expected);
  });

  it('do not reach beyond the packet', () => {
    for (const length of [Buffer.from([0x03]), Buffer.from([0x80]), Buffer.alloc(0), Buffer.from([0x80, 0])])
      expect(verdict(inChunk(length, parsePublishProperties))).toBe('malformed');
  });
});
