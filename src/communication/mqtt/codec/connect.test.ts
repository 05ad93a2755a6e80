import { describe, expect, it } from 'vitest';
import { type ConnectFault, type ConnectPacket, parseConnect } from './connect.ts';
import { decodePassed } from './publish.ts';
import { isFault } from './reason.ts';
import { bytesOf, inChunk, type Piece, SILENT, sized, text, u16, u32, verdict } from './test-packets.ts';

const NAME = { 3: 'MQIsdp', 4: 'MQTT', 5: 'MQTT' } as const;
const NO_LIST = sized();

const read = (...pieces: readonly Piece[]): ConnectPacket | ConnectFault =>
  inChunk(bytesOf(...pieces), parseConnect);
const head = (version: 3 | 4 | 5, flags: number, list: Piece = NO_LIST): Buffer =>
  bytesOf(text(NAME[version]), version, flags, u16(60), version === 5 ? list : bytesOf());
const withList = (...list: readonly Piece[]): ConnectPacket | ConnectFault =>
  read(head(5, 2, sized(...list)), text('c'));
const withWillList = (list: readonly Piece[], payload: Piece = text('gone')): ConnectPacket | ConnectFault =>
  read(head(5, 6), text('c'), sized(...list), text('t'), payload);

function sound(result: ConnectPacket | ConnectFault): ConnectPacket {
  if (isFault(result)) throw new Error(result.why);
  return result;
}

describe('the protocol of a CONNECT', () => {
  it('is 3.1, 3.1.1 or 5.0, by name and level', () => {
    expect(sound(read(head(3, 2), text('c'))).version).toBe(3);
    expect(sound(read(head(4, 2), text('c'))).version).toBe(4);
    expect(sound(read(head(5, 2), text('c'))).version).toBe(5);
  });

  it.each([
    ['MQTT', 0, 4],
    ['MQTT', 3, 4],
    ['MQTT', 6, 5],
    ['MQTT', 0x7f, 5],
    ['MQTT', 0x84, 4],
    ['MQTT', 0xff, 4],
    ['MQIsdp', 4, 4],
    ['MQIsdp', 5, 4],
    ['MQIsdp', 0x83, 4],
  ])('[MQTT-3.1.2-2] %s at level %i is refused in the words of version %i', (name, level, version) => {
    const result = read(text(name), level, 2, u16(0), text('c'));
    expect(verdict(result)).toBe('unsupportedVersion');
    expect(result.version).toBe(version);
  });

  it('[MQTT-3.1.2-1] of another name is another protocol', () => {
    for (const name of ['', 'mqtt', 'MQTT ', 'HTTP']) {
      const result = read(text(name), 5, 2, u16(0), NO_LIST, text('c'));
      expect(isFault(result) && result.version).toBeUndefined();
    }
    for (const cut of [0, 1, 3, 6]) expect(isFault(read(head(5, 2).subarray(0, cut)))).toBe(true);
  });
});

describe('the flags of a CONNECT', () => {
  it.each([3, 4, 5] as const)('are malformed where version %i reserves or forbids them', (version) => {
    const flags = [0x01, 0x03, 0x08, 0x10, 0x20, 0x1c, 0x1e, 0x38];
    for (const flag of flags) {
      const will = [...(version === 5 ? [NO_LIST] : []), text('t'), text('w')];
      const result = read(head(version, flag), text('c'), ...((flag & 4) === 0 ? [] : will));
      expect([flag, verdict(result), result.version]).toEqual([flag, 'malformed', version]);
    }
  });

  it('[MQTT-3.1.2-22] let a password stand alone in version 5 only', () => {
    expect(verdict(read(head(4, 0x42), text('c'), text('p')))).toBe('malformed');
    const { username, password } = sound(read(head(5, 0x42), text('c'), text('p')));
    expect(username).toBeUndefined();
    expect(password?.toString()).toBe('p');
  });

  it('of 3.1 may promise a user name that is not there', () => {
    expect(sound(read(head(3, 0x82), text('c'))).username).toBeUndefined();
    expect(verdict(read(head(4, 0x82), text('c')))).toBe('malformed');
  });

  it.each([3, 4, 5] as const)('promise fields that must be there, and no more, in version %i', (version) => {
    const list = version === 5 ? [NO_LIST] : [];
    const whole = bytesOf(
      head(version, 0xc6),
      text('c'),
      ...list,
      text('t'),
      text('w'),
      text('u'),
      text('p'),
    );
    expect(verdict(read(whole))).toBe('ok');
    expect(verdict(read(whole, 0))).toBe('malformed');
    for (let cut = 0; cut < whole.length; cut += 1) {
      expect([cut, verdict(read(whole.subarray(0, cut)))]).toEqual([cut, 'malformed']);
    }
  });
});

describe('the client id of a CONNECT', () => {
  it('[MQTT-3.1.3-8] may be empty with a clean session, in 3.1 never, in version 5 always', () => {
    expect(verdict(read(head(4, 2), text('')))).toBe('ok');
    expect(verdict(read(head(4, 0), text('')))).toBe('clientIdInvalid');
    expect(verdict(read(head(3, 2), text('')))).toBe('clientIdInvalid');
    expect(verdict(read(head(5, 0), text('')))).toBe('ok');
  });

  it('may be longer than the 23 characters of 3.1', () => {
    expect(sound(read(head(3, 2), text('c'.repeat(100)))).clientId).toHaveLength(100);
  });

  it('[MQTT-1.5.4-1, MQTT-1.5.4-2] is well-formed UTF-8 without U+0000', () => {
    const bad = [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0x61, 0], [0xc3], [0xf4, 0x90, 0x80, 0x80]];
    for (const bytes of bad)
      expect([bytes, verdict(read(head(5, 2), text(Buffer.from(bytes))))]).toEqual([bytes, 'malformed']);
    expect(sound(read(head(5, 2), text('\ufeffé😀'))).clientId).toBe('\ufeffé😀');
  });
});

describe('the properties of a CONNECT', () => {
  it('are what holds where they are silent', () => {
    expect(withList()).toMatchObject(SILENT);
    expect(read(head(4, 2), text('c'))).toMatchObject(SILENT);
    expect(read(head(4, 0), text('c'))).toMatchObject({ ...SILENT, sessionExpiryS: 0xffff_ffff });
  });

  it('are read, all of them, in any order', () => {
    const pieces = [
      bytesOf(0x11, u32(3_600)),
      bytesOf(0x21, u16(7)),
      bytesOf(0x27, u32(1_000)),
      bytesOf(0x22, u16(9)),
      bytesOf(0x17, 0),
      bytesOf(0x19, 1),
      bytesOf(0x15, text('SCRAM')),
      bytesOf(0x16, text('data')),
      bytesOf(0x26, text('a'), text('1')),
      bytesOf(0x26, text('a'), text('2')),
    ];
    for (const list of [pieces, pieces.toReversed()])
      expect(withList(...list)).toMatchObject({
        sessionExpiryS: 3_600,
        receiveMaximum: 7,
        maximumPacketSize: 1_000,
        topicAliasMaximum: 9,
        wantsProblemInformation: false,
        wantsResponseInformation: true,
        authenticationMethod: 'SCRAM',
        authenticationData: Buffer.from('data'),
      });
  });

  it.each<[what: string, verdict: string, list: readonly Piece[]]>([
    ['receive maximum 0 [3.1.2.11.3]', 'protocolError', [0x21, u16(0)]],
    ['maximum packet size 0 [3.1.2.11.4]', 'protocolError', [0x27, u32(0)]],
    ['request response information 2 [3.1.2.11.6]', 'protocolError', [0x19, 2]],
    ['request problem information 2 [3.1.2.11.7]', 'protocolError', [0x17, 2]],
    ['authentication data alone [3.1.2.11.10]', 'protocolError', [0x16, text('x')]],
    ['session expiry twice [3.1.2.11.2]', 'protocolError', [0x11, u32(1), 0x11, u32(1)]],
    ['method twice [3.1.2.11.9]', 'protocolError', [0x15, text('m'), 0x15, text('m')]],
    ['an unknown property [2.2.2.2]', 'malformed', [0x7e, 0]],
    ['property 0 [2.2.2.2]', 'malformed', [0x00]],
    ['a will delay, which is the will’s [2.2.2.2]', 'malformed', [0x18, u32(1)]],
    ['a property of CONNACK [2.2.2.2]', 'malformed', [0x12, text('id')]],
    ['a value that is cut', 'malformed', [0x11, 0, 0, 1]],
    ['half a user property', 'malformed', [0x26, text('a')]],
    ['a padded identifier [MQTT-1.5.5-1]', 'malformed', [0x91, 0x00, u32(1)]],
    ['U+0000 in a user property [MQTT-1.5.4-2]', 'malformed', [0x26, text('a'), text('\0')]],
  ])('are refused for %s: %s', (_what, expected, list) => {
    expect(verdict(withList(...list))).toBe(expected);
  });

  it('do not reach beyond the packet, and their length is minimal', () => {
    expect(verdict(read(head(5, 2, Buffer.from([0x05, 0x11])), text('c')))).toBe('malformed');
    expect(verdict(read(head(5, 2, Buffer.from([0x80, 0x00])), text('c')))).toBe('malformed');
    expect(verdict(read(head(5, 2, Buffer.from([0x80, 0x80, 0x80, 0x80, 1])), text('c')))).toBe('malformed');
  });
});

describe('the will of a CONNECT', () => {
  it('is its topic, payload, QoS and retain flag, as copies', () => {
    const body = bytesOf(head(4, 0x36), text('c'), text('a/b'), text('gone'));
    const { will } = sound(parseConnect(body, 0, body.length));
    body.fill(0xff);
    expect(will).toEqual({
      topic: 'a/b',
      payload: Buffer.from('gone'),
      qos: 2,
      retain: true,
      delayS: 0,
      expiryS: undefined,
      passed: new Uint8Array(0),
    });
  });

  it('keeps what is for subscribers, in order, and takes out what is for us', () => {
    const user = (value: string): Buffer => bytesOf(0x26, text('k'), text(value));
    const list = [
      user('1'),
      0x18,
      u32(30),
      0x01,
      1,
      0x02,
      u32(60),
      user('2'),
      0x08,
      text('r/t'),
      0x09,
      text('id'),
    ];
    const body = bytesOf(head(5, 6), text('c'), sized(...list), text('t'), text('x'));
    const { will } = sound(parseConnect(body, 0, body.length));
    body.fill(0xff);
    expect(will).toMatchObject({ delayS: 30, expiryS: 60 });
    expect(decodePassed(will?.passed ?? Buffer.alloc(0))).toEqual({
      payloadFormat: 1,
      responseTopic: 'r/t',
      correlationData: Buffer.from('id'),
      userProperties: [
        ['k', '1'],
        ['k', '2'],
      ],
    });
  });

  it('and all else that is kept outlives the chunk', () => {
    const list = sized(0x26, text('k'), text('v'));
    const body = bytesOf(
      head(5, 0xc6, sized(0x15, text('m'), 0x16, text('data'))),
      text('c'),
      list,
      text('t'),
      text('gone'),
      text('u'),
      text('secret'),
    );
    const { will, password, authenticationData } = sound(parseConnect(body, 0, body.length));
    body.fill(0xff);
    expect(decodePassed(will?.passed ?? Buffer.alloc(0)).userProperties).toEqual([['k', 'v']]);
    expect([will?.payload, password, authenticationData].map(String)).toEqual(['gone', 'secret', 'data']);
  });

  it.each<[what: string, verdict: string, list: readonly Piece[]]>([
    ['a delay twice', 'protocolError', [0x18, u32(1), 0x18, u32(1)]],
    ['payload format 2', 'protocolError', [0x01, 2]],
    ['a response topic with a wildcard [MQTT-3.3.2-14]', 'protocolError', [0x08, text('a/+')]],
    ['a topic alias, which is PUBLISH’s', 'malformed', [0x23, u16(1)]],
    ['a session expiry, which is CONNECT’s', 'malformed', [0x11, u32(1)]],
  ])('is refused for %s: %s', (_what, expected, list) => {
    expect(verdict(withWillList(list))).toBe(expected);
  });

  it('[3.1.3.2.3] that says it is UTF-8 is', () => {
    expect(verdict(withWillList([0x01, 1], text(Buffer.from([0xff]))))).toBe('payloadFormatInvalid');
    expect(verdict(withWillList([0x01, 0], text(Buffer.from([0xff]))))).toBe('ok');
    expect(verdict(withWillList([0x01, 1], text('é\0')))).toBe('ok');
  });

  it.each([4, 5] as const)('[MQTT-4.7.1-1, MQTT-4.7.3-1] of version %i has a topic name', (version) => {
    const list = version === 5 ? NO_LIST : bytesOf();
    const withTopic = (topic: string) =>
      verdict(read(head(version, 6), text('c'), list, text(topic), text('')));
    for (const topic of ['', '#', 'a/+', 'a+b'])
      expect([topic, withTopic(topic)]).toEqual([topic, 'malformed']);
    expect(withTopic('/'.repeat(40))).toBe('topicInvalid');
    expect(withTopic('x'.repeat(2_000))).toBe('topicInvalid');
  });
});
