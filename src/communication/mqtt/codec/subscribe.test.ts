import { describe, expect, it } from 'vitest';
import { parseSubscribe, parseUnsubscribe } from './subscribe.ts';
import { bytesOf, inChunk, type Piece, sized, text, u16, varint, verdict } from './test-packets.ts';

const VERSIONS = [3, 4, 5] as const;
type Version = (typeof VERSIONS)[number];
const listFor = (version: Version, ...list: readonly Piece[]): Buffer =>
  version === 5 ? sized(...list) : bytesOf();

const subscribe = (version: Version, ...pieces: readonly Piece[]) =>
  inChunk(bytesOf(...pieces), (chunk, start, end) => parseSubscribe(version, chunk, start, end));
const unsubscribe = (version: Version, ...pieces: readonly Piece[]) =>
  inChunk(bytesOf(...pieces), (chunk, start, end) => parseUnsubscribe(version, chunk, start, end));
/** The answer to one filter. */
const one = (version: Version, filter: string | Uint8Array, options = 0) =>
  subscribe(version, u16(1), listFor(version), text(filter), options);

const GOOD = [
  'a',
  '/',
  '//',
  '+',
  '#',
  '+/+',
  '/+',
  '+/',
  'a/#',
  'a/+/b',
  '$SYS/#',
  '/#',
  'a b',
  '$share',
  '$shared/x',
];
const BAD = ['', 'a#', '#/a', 'a/#/b', 'a+', '+a', 'a/b+/c', '##', '++', 'a/#+'];
const PLAIN = {
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  share: undefined,
  invalid: undefined,
};

describe('SUBSCRIBE', () => {
  it.each(VERSIONS)('of version %i is an id and filters with their QoS', (version) => {
    const result = subscribe(version, u16(9), listFor(version), text('a/+'), 0, text('#'), 1, text('c'), 2);
    expect(result).toEqual({
      packetId: 9,
      subscriptionId: 0,
      entries: [
        { filter: 'a/+', qos: 0, ...PLAIN },
        { filter: '#', qos: 1, ...PLAIN },
        { filter: 'c', qos: 2, ...PLAIN },
      ],
    });
  });

  it('of version 5 has options [3.8.3.1]', () => {
    expect(one(5, 'a', 0b10_1101)).toMatchObject({
      entries: [{ qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }],
    });
    expect(one(5, 'a', 0b01_0000)).toMatchObject({ entries: [{ retainHandling: 1, noLocal: false }] });
  });

  it('of version 5 has a subscription identifier of 1 to 268,435,455 [3.8.2.1.2]', () => {
    const withId = (...list: readonly Piece[]) => subscribe(5, u16(1), sized(...list), text('a'), 0);
    for (const id of [1, 127, 128, 268_435_455])
      expect(withId(0x0b, varint(id))).toMatchObject({ subscriptionId: id });
    expect(verdict(withId(0x0b, 0))).toBe('protocolError');
    expect(verdict(withId(0x0b, 1, 0x0b, 2))).toBe('protocolError');
    expect(verdict(withId(0x0b, 0x80, 0x80, 0x80, 0x80, 0x01))).toBe('malformed');
    expect(verdict(withId(0x0b, 0x81, 0x00))).toBe('malformed');
    expect(verdict(withId(0x1f, text('why')))).toBe('malformed');
  });

  it('[MQTT-3.8.3-5] has no reserved option bits, in 3.1.1 [MQTT-3-8.3-4] none but the QoS', () => {
    for (const options of [0x40, 0x80, 0xc1]) expect(verdict(one(5, 'a', options))).toBe('malformed');
    for (const options of [0x04, 0x08, 0x10, 0x20, 0x40, 0x80])
      expect(verdict(one(4, 'a', options))).toBe('malformed');
  });

  it('[3.8.3.1] has no QoS 3 and no retain handling 3', () => {
    for (const version of VERSIONS) expect(verdict(one(version, 'a', 3))).toBe('protocolError');
    expect(verdict(one(5, 'a', 0x30))).toBe('protocolError');
  });

  it.each(VERSIONS)('[MQTT-3.8.3-2, MQTT-2.2.1-3] of version %i has an entry and an id', (version) => {
    expect(verdict(subscribe(version, u16(1), listFor(version)))).toBe('protocolError');
    expect(verdict(subscribe(version, u16(0), listFor(version), text('a'), 0))).toBe('protocolError');
    for (const rest of [[text('a')], [0], [0, 1], [text('a'), 0, 0]])
      expect(verdict(subscribe(version, u16(1), listFor(version), ...rest))).toBe('malformed');
  });
});

describe('a topic filter', () => {
  it.each(VERSIONS)('[MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1] of version %i is well-formed', (version) => {
    for (const filter of GOOD) {
      expect([filter, verdict(one(version, filter))]).toEqual([filter, 'ok']);
      expect([filter, verdict(unsubscribe(version, u16(1), listFor(version), text(filter)))]).toEqual([
        filter,
        'ok',
      ]);
    }
    for (const filter of BAD) {
      expect([filter, verdict(one(version, filter))]).toEqual([filter, 'malformed']);
      const ended = unsubscribe(version, u16(1), listFor(version), text(filter));
      expect([filter, verdict(ended)]).toEqual([filter, 'malformed']);
    }
  });

  it('[MQTT-3.8.3-1] is UTF-8', () => {
    for (const bytes of [[0xff], [0x61, 0], [0xed, 0xbf, 0xbf]])
      expect(verdict(one(5, Buffer.from(bytes)))).toBe('malformed');
  });

  it.each(VERSIONS)('beyond our limits is refused alone, in the SUBACK of version %i', (version) => {
    const long = 'x'.repeat(1_025);
    const result = subscribe(
      version,
      u16(1),
      listFor(version),
      text(long),
      0,
      text('a'),
      0,
      text('/'.repeat(32)),
      0,
    );
    const entries = 'entries' in result ? result.entries : [];
    expect(entries.map(({ invalid }) => invalid)).toEqual([0x8f, undefined, 0x8f]);
  });
});

describe('a shared subscription', () => {
  it.each(VERSIONS)('of version %i is a group and a filter', (version) => {
    expect(one(version, '$share/g/a/+')).toMatchObject({
      entries: [{ share: { group: 'g', filter: 'a/+' } }],
    });
    expect(one(version, '$share/g//')).toMatchObject({ entries: [{ share: { group: 'g', filter: '/' } }] });
    expect(one(version, '$share/g/$share/h/x')).toMatchObject({
      entries: [{ share: { filter: '$share/h/x' } }],
    });
  });

  it('[MQTT-4.8.2-1, MQTT-4.8.2-2] without a good name or a filter is malformed in version 5', () => {
    for (const filter of ['$share/', '$share/g', '$share//a', '$share/g/', '$share/+/a', '$share/#']) {
      expect([filter, verdict(one(5, filter))]).toEqual([filter, 'malformed']);
      expect([filter, verdict(unsubscribe(5, u16(1), sized(), text(filter)))]).toEqual([filter, 'malformed']);
      // For 3.1.1 it is a name like any other; no harm in saying no.
      expect(one(4, filter)).toMatchObject({ entries: [{ invalid: 0x8f, share: undefined }] });
    }
    expect(verdict(one(5, '$share/g+/a'))).toBe('malformed');
    expect(verdict(one(4, '$share/g+/a'))).toBe('malformed');
  });

  it('[MQTT-3.8.3-4] is not without its own messages', () => {
    expect(verdict(one(5, '$share/g/a', 4))).toBe('protocolError');
    expect(verdict(one(5, 'a', 4))).toBe('ok');
  });
});

describe('UNSUBSCRIBE', () => {
  it.each(VERSIONS)('of version %i is an id and filters', (version) => {
    const list = listFor(version, 0x26, text('k'), text('v'));
    expect(unsubscribe(version, u16(3), list, text('a/#'), text('b'))).toEqual({
      packetId: 3,
      filters: ['a/#', 'b'],
    });
  });

  it.each(VERSIONS)('[MQTT-3.10.3-2, MQTT-2.2.1-3] of version %i has a filter and an id', (version) => {
    expect(verdict(unsubscribe(version, u16(1), listFor(version)))).toBe('protocolError');
    expect(verdict(unsubscribe(version, u16(0), listFor(version), text('a')))).toBe('protocolError');
    expect(verdict(unsubscribe(version, u16(1), listFor(version), text('a'), 0))).toBe('malformed');
    expect(verdict(unsubscribe(version, 1))).toBe('malformed');
  });

  it('takes no property but the user’s', () => {
    expect(verdict(unsubscribe(5, u16(1), sized(0x0b, 1), text('a')))).toBe('malformed');
    expect(verdict(unsubscribe(5, u16(1), sized(0x1f, text('why')), text('a')))).toBe('malformed');
  });
});
