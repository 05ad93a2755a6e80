import type { IConnackPacket, Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { REASON } from './reason.ts';
import { bytesOf, sized, text, theirs, u16, u32 } from './test-packets.ts';
import {
  acknowledgement,
  auth,
  connack,
  disconnect,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PUBREL,
  publish,
  suback,
  unsuback,
} from './write.ts';

/** What `mqtt-packet` reads, without what it adds. */
function read(version: 3 | 4 | 5, packet: Buffer): Packet {
  const result = theirs(version, packet);
  if (typeof result === 'string') throw new Error(result);
  return result;
}

describe('CONNACK', () => {
  it.each([
    ['success', 0],
    ['unsupportedVersion', 1],
    ['clientIdInvalid', 2],
    ['serverUnavailable', 3],
    ['serverBusy', 3],
    ['connectionRateExceeded', 3],
    ['quotaExceeded', 3],
    ['badCredentials', 4],
    ['notAuthorized', 5],
    ['banned', 5],
  ] as const)('before version 5 says %s as %i', (reason, code) => {
    for (const version of [3, 4] as const)
      expect([...connack({ version, sessionPresent: false, reason: REASON[reason] })]).toEqual([
        0x20,
        2,
        0,
        code,
      ]);
  });

  it('[MQTT-3.2.2-6] has no session when it refuses, and version 3.1 has none to tell of', () => {
    const flagsOf = (version: 3 | 4 | 5, reason: number) =>
      connack({ version, sessionPresent: true, reason }).at(2);
    expect([flagsOf(3, 0), flagsOf(4, 0), flagsOf(5, 0)]).toEqual([0, 1, 1]);
    expect([flagsOf(4, 0x87), flagsOf(5, 0x87)]).toEqual([0, 0]);
  });

  it('of version 5 has a property list, be it empty', () => {
    expect([...connack({ version: 5, sessionPresent: false, reason: 0x87 })]).toEqual([0x20, 3, 0, 0x87, 0]);
  });

  it('of version 5 says all that a server can say', () => {
    const packet = connack({
      version: 5,
      sessionPresent: true,
      reason: 0,
      properties: {
        sessionExpiryS: 604_800,
        receiveMaximum: 1_000,
        maximumPacketSize: 1_114_120,
        assignedClientId: 'é-1',
        topicAliasMaximum: 64,
        reasonString: 'welcome',
        serverKeepAliveS: 60,
        responseInformation: 'r/',
        authenticationMethod: 'SCRAM',
        authenticationData: Buffer.from([0, 1]),
      },
    });
    expect(read(5, packet)).toMatchObject({
      cmd: 'connack',
      sessionPresent: true,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 604_800,
        receiveMaximum: 1_000,
        maximumPacketSize: 1_114_120,
        assignedClientIdentifier: 'é-1',
        topicAliasMaximum: 64,
        reasonString: 'welcome',
        serverKeepAlive: 60,
        responseInformation: 'r/',
        authenticationMethod: 'SCRAM',
        authenticationData: Buffer.from([0, 1]),
      } satisfies IConnackPacket['properties'],
    });
  });
});

describe('acknowledgements', () => {
  it.each([
    [PUBACK, 'puback', 0x10],
    [PUBREC, 'pubrec', 0x97],
    [PUBREL, 'pubrel', 0x92],
    [PUBCOMP, 'pubcomp', 0x92],
  ] as const)('of type %i carry a reason, and words where there are some', (type, cmd, reason) => {
    expect([...acknowledgement(type, 0x1234, reason)]).toEqual([type, 3, 0x12, 0x34, reason]);
    expect(read(5, acknowledgement(type, 0x1234, reason, 'why'))).toMatchObject({
      cmd,
      messageId: 0x1234,
      reasonCode: reason,
      properties: { reasonString: 'why' },
    });
  });

  it('of SUBSCRIBE before version 5 know one "no" [MQTT-3.9.3-2]', () => {
    expect([...suback(4, 7, [0, 1, 2, 0x80, 0x87, 0x8f])]).toEqual([
      0x90, 8, 0, 7, 0, 1, 2, 0x80, 0x80, 0x80,
    ]);
    expect(read(5, suback(5, 7, [0, 2, 0x87, 0x8f], 'why'))).toMatchObject({
      messageId: 7,
      granted: [0, 2, 0x87, 0x8f],
      properties: { reasonString: 'why' },
    });
  });

  it('of UNSUBSCRIBE before version 5 have no codes [3.11.3]', () => {
    for (const version of [3, 4] as const)
      expect([...unsuback(version, 7, [0, 0x11])]).toEqual([0xb0, 2, 0, 7]);
    expect(read(5, unsuback(5, 7, [0, 0x11]))).toMatchObject({ messageId: 7, granted: [0, 0x11] });
  });

  it.each([4, 5] as const)('of version %i hold any number of codes', (version) => {
    for (const count of [1, 122, 123, 124, 125, 126, 200, 20_000]) {
      const codes = Array.from({ length: count }, (_, i) => [0, 1, 0x80][i % 3] ?? 0);
      expect(read(version, suback(version, 1, codes))).toMatchObject({ granted: codes });
    }
  });
});

describe('DISCONNECT and AUTH', () => {
  it('are short where there is little to say [3.14.2.2.1]', () => {
    expect([...disconnect(0x8e)]).toEqual([0xe0, 1, 0x8e]);
    expect(read(5, disconnect(0x9d, { reasonString: 'moved', serverReference: 'other:1883' }))).toMatchObject(
      {
        reasonCode: 0x9d,
        properties: { reasonString: 'moved', serverReference: 'other:1883' },
      },
    );
    expect(disconnect(0, { sessionExpiryS: 9 })).toEqual(bytesOf(0xe0, sized(0, sized(0x11, u32(9)))));
  });

  it('AUTH has its method, and data where there is some', () => {
    expect(auth(0x18, 'M', undefined)).toEqual(bytesOf(0xf0, sized(0x18, sized(0x15, text('M')))));
    expect(read(5, auth(0x18, 'M', Buffer.from('x')))).toMatchObject({
      cmd: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: 'M', authenticationData: Buffer.from('x') },
    });
  });
});

describe('PUBLISH', () => {
  const plain = { topic: 'a/é', payload: Buffer.from('p'), qos: 1, retain: false } as const;

  it('is the same in 3.1 and 3.1.1, and has a property list in version 5', () => {
    const body = bytesOf(text('a/é'), u16(0));
    expect(publish({ ...plain, version: 3 }).bytes).toEqual(bytesOf(0x32, sized(body, Buffer.from('p'))));
    expect(publish({ ...plain, version: 4 }).bytes).toEqual(bytesOf(0x32, sized(body, Buffer.from('p'))));
    expect(publish({ ...plain, version: 5 }).bytes).toEqual(bytesOf(0x32, sized(body, 0, Buffer.from('p'))));
  });

  it('tells where the packet id goes, before all properties', () => {
    const { bytes, idAt } = publish({
      ...plain,
      version: 5,
      passed: Buffer.alloc(0),
      topicAlias: 3,
      expiryS: 9,
    });
    bytes.writeUInt16BE(0x1234, idAt);
    expect(read(5, bytes)).toMatchObject({ messageId: 0x1234, topic: 'a/é', payload: Buffer.from('p') });
    expect(publish({ ...plain, version: 5, qos: 0 }).idAt).toBe(0);
    // The largest topic, payload and lists: still below what a stamp can say.
    const large = {
      payload: Buffer.alloc(1_048_576),
      topic: 'x'.repeat(1_024),
      passed: Buffer.alloc(60_000),
    };
    expect(publish({ ...plain, ...large, version: 5 }).idAt).toBe(1 + 3 + 2 + 1_024);
  });

  it('has its flags', () => {
    const headerOf = (flags: object): number | undefined =>
      publish({ ...plain, version: 4, ...flags }).bytes[0];
    expect([headerOf({ dup: true }), headerOf({ retain: true }), headerOf({ qos: 2 })]).toEqual([
      0x3a, 0x33, 0x34,
    ]);
  });

  it('of version 5 passes the publisher’s properties on behind the server’s', () => {
    const passed = bytesOf(0x26, text('k'), text('v'), 0x03, text('t'));
    const { bytes } = publish({
      version: 5,
      topic: '',
      payload: Buffer.from('p'),
      qos: 0,
      retain: true,
      passed,
      expiryS: 0xffff_ffff,
      subscriptionIds: [1, 268_435_455, 200],
      topicAlias: 64,
    });
    expect(read(5, bytes)).toMatchObject({
      topic: '',
      retain: true,
      payload: Buffer.from('p'),
      properties: {
        topicAlias: 64,
        messageExpiryInterval: 0xffff_ffff,
        subscriptionIdentifier: [1, 268_435_455, 200],
        contentType: 't',
        userProperties: { k: 'v' },
      },
    });
    expect(bytes.includes(passed)).toBe(true);
  });

  it('before version 5 has no properties, whatever is known', () => {
    const { bytes } = publish({ ...plain, version: 4, passed: Buffer.alloc(9), expiryS: 1, topicAlias: 1 });
    expect(bytes).toEqual(publish({ ...plain, version: 4 }).bytes);
  });
});
