/** Whatever is sound survives: what `mqtt-packet` writes we read, what we write it reads. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAcknowledgement } from './acknowledgement.ts';
import { parseConnect } from './connect.ts';
import { decodePassed, parsePublishProperties } from './publish.ts';
import { isFault, REASON } from './reason.ts';
import { parseAuth, parseDisconnect } from './session-packets.ts';
import { parseSubscribe, parseUnsubscribe } from './subscribe.ts';
import {
  anyBytes,
  anyFilter,
  anyId,
  anyPassed,
  anyQos,
  anyText,
  anyTopic,
  anyU16,
  anyU32,
  anyUserProperties,
  anyVersion,
  bodyOf,
  maybe,
  passedForThem,
  present,
  SILENT,
  theirs,
  userObject,
  written,
} from './test-packets.ts';
import { shareOf } from './topics.ts';
import { acknowledgement, auth, connack, disconnect, publish, suback, unsuback } from './write.ts';

describe('what mqtt-packet writes, we read', () => {
  it('CONNECT', () => {
    const wills = fc.record({
      topic: anyTopic,
      payload: anyText(1).map((value) => Buffer.from(value)),
      qos: anyQos,
      retain: fc.boolean(),
      delayS: anyU32,
      expiryS: maybe(anyU32),
      passed: anyPassed,
    });
    const connects = fc.record({
      version: anyVersion,
      clientId: anyText(1),
      clean: fc.boolean(),
      keepAliveS: anyU16,
      username: maybe(anyText(1)),
      password: maybe(anyBytes(1)),
      will: maybe(wills),
      sessionExpiryS: anyU32,
      receiveMaximum: anyId,
      maximumPacketSize: anyU32.filter((value) => value > 0),
      topicAliasMaximum: anyU16,
      wantsProblemInformation: fc.boolean(),
      wantsResponseInformation: fc.boolean(),
      authenticationMethod: maybe(anyText(1)),
      authenticationData: maybe(anyBytes()),
      userProperties: anyUserProperties,
    });
    fc.assert(
      fc.property(connects, ({ userProperties, ...wanted }) => {
        const { version, will, clean } = wanted;
        const isLong = version === 5;
        const password = wanted.username === undefined ? undefined : wanted.password;
        const data = wanted.authenticationMethod === undefined ? undefined : wanted.authenticationData;
        const packet = written(version, {
          cmd: 'connect',
          protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
          protocolVersion: version,
          clientId: wanted.clientId,
          clean,
          keepalive: wanted.keepAliveS,
          username: wanted.username,
          password,
          will: will && {
            ...present({ topic: will.topic, payload: will.payload, qos: will.qos, retain: will.retain }),
            properties: present({
              ...passedForThem(will.passed),
              willDelayInterval: will.delayS,
              messageExpiryInterval: will.expiryS,
            }),
          },
          properties: present({
            sessionExpiryInterval: wanted.sessionExpiryS,
            receiveMaximum: wanted.receiveMaximum,
            maximumPacketSize: wanted.maximumPacketSize,
            topicAliasMaximum: wanted.topicAliasMaximum,
            requestProblemInformation: wanted.wantsProblemInformation,
            requestResponseInformation: wanted.wantsResponseInformation,
            authenticationMethod: wanted.authenticationMethod,
            authenticationData: data,
            userProperties: userObject(userProperties),
          }),
        });
        const body = bodyOf(packet);
        const read = parseConnect(body, 0, body.length);
        if (isFault(read)) throw new Error(read.why);
        expect({ ...read, will: undefined }).toEqual({
          ...wanted,
          ...(isLong ? {} : { ...SILENT, sessionExpiryS: clean ? 0 : 0xffff_ffff }),
          authenticationData: isLong ? data : undefined,
          password,
          will: undefined,
        });
        expect(read.will === undefined).toBe(will === undefined);
        if (will === undefined || read.will === undefined) return;
        expect({ ...read.will, passed: decodePassed(read.will.passed) }).toEqual({
          ...will,
          ...(isLong ? {} : { delayS: 0, expiryS: undefined }),
          passed: isLong ? present(will.passed) : { userProperties: [] },
        });
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('SUBSCRIBE and UNSUBSCRIBE', () => {
    const entries = fc.array(
      fc.record({
        filter: anyFilter,
        qos: anyQos,
        noLocal: fc.boolean(),
        retainAsPublished: fc.boolean(),
        retainHandling: anyQos,
      }),
      { minLength: 1, maxLength: 5 },
    );
    const subscriptionIds = fc.integer({ min: 1, max: 268_435_455 });
    fc.assert(
      fc.property(anyVersion, anyId, subscriptionIds, entries, (version, packetId, subscriptionId, asked) => {
        const isLong = version === 5;
        const wanted = asked.map((entry) => {
          const share = shareOf(entry.filter);
          const options = isLong
            ? { ...entry, noLocal: entry.noLocal && share === undefined }
            : { ...entry, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
          return { ...options, share, invalid: undefined };
        });
        const subscriptions = wanted.map((entry) => ({
          topic: entry.filter,
          qos: entry.qos,
          nl: entry.noLocal,
          rap: entry.retainAsPublished,
          rh: entry.retainHandling,
        }));
        const properties = isLong ? { subscriptionIdentifier: subscriptionId } : undefined;
        const body = bodyOf(
          written(version, { cmd: 'subscribe', messageId: packetId, subscriptions, properties }),
        );
        expect(parseSubscribe(version, body, 0, body.length)).toEqual({
          packetId,
          subscriptionId: isLong ? subscriptionId : 0,
          entries: wanted,
        });
        const filters = asked.map(({ filter }) => filter);
        const end = bodyOf(
          written(version, { cmd: 'unsubscribe', messageId: packetId, unsubscriptions: filters }),
        );
        expect(parseUnsubscribe(version, end, 0, end.length)).toEqual({ packetId, filters });
      }),
      { seed: 2, numRuns: 400 },
    );
  });

  it('the properties of PUBLISH', () => {
    const messages = fc.record({
      topicAlias: fc.option(anyId, { nil: 0 }),
      expiryS: maybe(anyU32),
      passed: anyPassed,
    });
    fc.assert(
      fc.property(messages, anyBytes(), (wanted, payload) => {
        const properties = present({
          topicAlias: wanted.topicAlias === 0 ? undefined : wanted.topicAlias,
          messageExpiryInterval: wanted.expiryS,
          ...passedForThem(wanted.passed),
        });
        const packet = written(5, {
          cmd: 'publish',
          topic: 't',
          qos: 0,
          dup: false,
          retain: false,
          payload,
          properties,
        });
        const body = bodyOf(packet);
        const read = parsePublishProperties(body, 3, body.length);
        if (isFault(read)) throw new Error(read.why);
        expect(read.properties).toMatchObject({
          topicAlias: wanted.topicAlias,
          expiryS: wanted.expiryS,
          isUtf8: wanted.passed.payloadFormat === 1,
        });
        expect(decodePassed(read.properties.passed)).toEqual(present(wanted.passed));
        expect(body.subarray(read.end)).toEqual(payload);
      }),
      { seed: 3, numRuns: 400 },
    );
  });

  it('acknowledgements, DISCONNECT and AUTH', () => {
    const commands = fc.constantFrom(
      ['puback', 4, REASON.quotaExceeded] as const,
      ['pubrec', 5, REASON.notAuthorized] as const,
      ['pubrel', 6, REASON.packetIdNotFound] as const,
      ['pubcomp', 7, REASON.packetIdNotFound] as const,
    );
    const words = fc.record({ reasonString: maybe(anyText()), user: anyUserProperties });
    fc.assert(
      fc.property(
        anyVersion,
        commands,
        anyId,
        fc.boolean(),
        words,
        (version, command, packetId, isBad, said) => {
          const [cmd, type, bad] = command;
          const properties = present({
            reasonString: said.reasonString,
            userProperties: userObject(said.user),
          });
          const reason = isBad && version === 5 ? bad : REASON.success;
          const packet = written(version, { cmd, messageId: packetId, reasonCode: reason, properties });
          const body = bodyOf(packet);
          expect(parseAcknowledgement(version, type, body, 0, body.length)).toEqual({ packetId, reason });
        },
      ),
      { seed: 4, numRuns: 400 },
    );
    fc.assert(
      fc.property(
        maybe(anyU32),
        words,
        anyText(1),
        maybe(anyBytes()),
        (sessionExpiryS, said, method, data) => {
          const properties = present({
            reasonString: said.reasonString,
            userProperties: userObject(said.user),
          });
          const ending = { ...properties, ...present({ sessionExpiryInterval: sessionExpiryS }) };
          const end = bodyOf(written(5, { cmd: 'disconnect', reasonCode: 4, properties: ending }));
          expect(parseDisconnect(5, end, 0, end.length)).toEqual({ reason: 4, sessionExpiryS });
          const proof = {
            ...properties,
            ...present({ authenticationMethod: method, authenticationData: data }),
          };
          const body = bodyOf(written(5, { cmd: 'auth', reasonCode: 0x18, properties: proof }));
          expect(parseAuth(body, 0, body.length)).toEqual({ reason: 0x18, method, data });
        },
      ),
      { seed: 5, numRuns: 400 },
    );
  });
});

describe('what we write, mqtt-packet reads', () => {
  it('PUBLISH before version 5, byte for byte', () => {
    const sizes = fc.oneof(
      anyBytes(),
      fc.constantFrom(90, 130, 16_300, 16_400, 2_097_200).map((n) => Buffer.alloc(n)),
    );
    const messages = fc.record({ topic: anyTopic, payload: sizes, qos: anyQos, retain: fc.boolean() });
    fc.assert(
      fc.property(fc.constantFrom(3 as const, 4 as const), messages, anyId, (version, message, id) => {
        const dup = message.qos > 0 && id % 2 === 0;
        const { bytes, idAt } = publish({ ...message, version, dup });
        if (message.qos > 0) bytes.writeUInt16BE(id, idAt);
        const messageId = message.qos > 0 ? id : undefined;
        expect(bytes.equals(written(version, { cmd: 'publish', dup, ...message, messageId }))).toBe(true);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('PUBLISH of version 5', () => {
    const messages = fc.record({
      topic: anyTopic,
      payload: anyBytes(),
      qos: anyQos,
      retain: fc.boolean(),
      expiryS: maybe(anyU32),
      topicAlias: fc.option(anyId, { nil: 0 }),
      subscriptionIds: maybe(fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 })),
    });
    fc.assert(
      fc.property(messages, anyPassed, anyId, (message, wanted, id) => {
        // A publisher's properties on their way through the server.
        const sent = {
          cmd: 'publish',
          topic: 't',
          qos: 0,
          dup: false,
          retain: false,
          payload: Buffer.alloc(0),
        };
        const incoming = bodyOf(written(5, { ...sent, properties: present(passedForThem(wanted)) }));
        const read = parsePublishProperties(incoming, 3, incoming.length);
        if (isFault(read)) throw new Error(read.why);
        const { bytes, idAt } = publish({ ...message, version: 5, passed: read.properties.passed });
        if (message.qos > 0) bytes.writeUInt16BE(id, idAt);
        const ids = message.subscriptionIds ?? [];
        const properties = present({
          topicAlias: message.topicAlias === 0 ? undefined : message.topicAlias,
          messageExpiryInterval: message.expiryS,
          // One is a number, more are a list.
          subscriptionIdentifier: ids.length < 2 ? ids[0] : ids,
          ...passedForThem(wanted),
        });
        const { topic, payload, qos, retain } = message;
        const expected = {
          cmd: 'publish',
          topic,
          payload,
          qos,
          retain,
          ...(qos > 0 ? { messageId: id } : {}),
        };
        const packet = theirs(5, bytes);
        expect(packet).toMatchObject(expected);
        expect('properties' in Object(packet) ? Object(packet).properties : {}).toEqual(properties);
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  it('all the others', () => {
    const codes = fc.array(fc.constantFrom(0, 1, 2, 0x80, 0x87, 0x8f), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(anyVersion, anyId, codes, anyText(), (version, messageId, granted, reasonString) => {
        const isLong = version === 5;
        const properties = isLong ? { properties: { reasonString } } : {};
        expect(theirs(version, suback(version, messageId, granted, reasonString))).toMatchObject({
          messageId,
          granted: isLong ? granted : granted.map((code) => Math.min(code, 0x80)),
          ...properties,
        });
        const ends = granted.map((code) => (code < 3 ? 0 : 0x11));
        expect(theirs(version, unsuback(version, messageId, ends))).toMatchObject(
          isLong ? { messageId, granted: ends } : { cmd: 'unsuback', messageId },
        );
        expect(theirs(version, connack({ version, sessionPresent: true, reason: 0 }))).toMatchObject({
          cmd: 'connack',
          sessionPresent: version !== 3,
        });
        expect(theirs(5, acknowledgement(0x50, messageId, 0x97, reasonString))).toMatchObject({
          cmd: 'pubrec',
          messageId,
          reasonCode: 0x97,
          properties: { reasonString },
        });
        expect(theirs(5, disconnect(0x8b, { reasonString }))).toMatchObject({
          reasonCode: 0x8b,
          properties: { reasonString },
        });
        expect(
          theirs(5, auth(0x18, reasonString, granted.length > 5 ? Buffer.from(granted) : undefined)),
        ).toMatchObject({ cmd: 'auth', properties: { authenticationMethod: reasonString } });
      }),
      { seed: 8, numRuns: 300 },
    );
  });
});
