/** Raw bytes that 3.1.1 forbids: each ends its own connection, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPacket, DISCONNECT, PING, publishPacket, subscribePacket } from './test-client.ts';
import { type Rig, startRig } from './test-support.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** CONNECT with any bytes behind the fixed header. */
const connect = (body: string): Buffer => {
  const bytes = hex(body);
  return Buffer.concat([Buffer.from([0x10, bytes.length]), bytes]);
};
const MQTT_4 = '0004 4d515454 04';
const FIRST: readonly [what: string, bytes: Buffer][] = [
  ['PUBLISH before CONNECT [MQTT-3.1.0-1]', publishPacket('v1/d1/telemetry', '1')],
  ['PINGREQ before CONNECT', PING],
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['TLS on the plain port', hex('16 0301 0200 01')],
  ['CONNECT with flags in its header [MQTT-2.2.2-2]', hex('11 0c 0004 4d515454 04 02 0000 0000')],
  ['CONNECT of 64 KiB and more', hex('10 818004')],
  ['an endless length', hex('10 80808080 01')],
  ['an empty CONNECT', hex('10 00')],
  ['a CONNECT that ends in its protocol name', connect('0004 4d51')],
  ['a protocol that is not MQTT [MQTT-3.1.2-1]', connect('0004 58515454 04 02 0000 0000')],
  ['a CONNECT that ends before the keep-alive', connect(`${MQTT_4} 02 00`)],
  ['a CONNECT without client id field', connect(`${MQTT_4} 02 0000`)],
  ['bytes behind the payload', connect(`${MQTT_4} 02 0000 0000 00`)],
  ['the reserved connect flag [MQTT-3.1.2-3]', connect(`${MQTT_4} 03 0000 0001 61`)],
  ['will QoS without will [MQTT-3.1.2-13]', connect(`${MQTT_4} 0a 0000 0001 61`)],
  ['will QoS 3 [MQTT-3.1.2-14]', connect(`${MQTT_4} 1e 0000 0001 61 0001 74 0001 70`)],
  ['will retain without will [MQTT-3.1.2-15]', connect(`${MQTT_4} 22 0000 0001 61`)],
  ['a password without user name [MQTT-3.1.2-22]', connect(`${MQTT_4} 42 0000 0001 61 0001 70`)],
  ['a user name that is not there', connect(`${MQTT_4} 82 0000 0001 61`)],
  ['a password shorter than its length', connect(`${MQTT_4} c2 0000 0001 61 0001 75 0005 70`)],
  ['a will topic with a wildcard', connect(`${MQTT_4} 06 0000 0001 61 0003 742f23 0001 70`)],
  ['an empty will topic', connect(`${MQTT_4} 06 0000 0001 61 0000 0001 70`)],
  ['U+0000 in the client id [MQTT-1.5.3-2]', connect(`${MQTT_4} 02 0000 0001 00`)],
  ['a surrogate in the client id [MQTT-1.5.3-1]', connect(`${MQTT_4} 02 0000 0003 eda080`)],
  ['an overlong form in the client id', connect(`${MQTT_4} 02 0000 0002 c0af`)],
];

/** Answered with a CONNACK code, then closed. */
const REFUSED: readonly [what: string, bytes: Buffer, connack: string][] = [
  ['level 2 [MQTT-3.1.2-2]', connect('0004 4d515454 02 02 0000 0001 61'), '20020001'],
  ['level 3 under the new name', connect('0004 4d515454 03 02 0000 0001 61'), '20020001'],
  ['the level of a Mosquitto bridge', connect('0004 4d515454 84 02 0000 0001 61'), '20020001'],
  ['no client id for a kept session [MQTT-3.1.3-8]', connect(`${MQTT_4} 00 0000 0000`), '20020002'],
  ['nobody', connect(`${MQTT_4} 02 0000 0001 61`), '20020004'],
  ['a wrong password', connectPacket('d1', { password: 'wrong' }), '20020004'],
];

const TOPIC = Buffer.from('v1/d1/telemetry').toString('hex');
const PUBLISH = `000f ${TOPIC}`;
const packet = (header: number, body: string): Buffer => {
  const bytes = hex(body);
  return Buffer.concat([Buffer.from([header, bytes.length]), bytes]);
};
const LATER: readonly [what: string, bytes: Buffer][] = [
  ['a second CONNECT [MQTT-3.1.0-2]', connectPacket('d1')],
  ['packet type 0', packet(0x00, '')],
  ['packet type 15', packet(0xf0, '')],
  ['CONNACK from a client', packet(0x20, '0000')],
  ['SUBACK from a client', packet(0x90, '0001 00')],
  ['UNSUBACK from a client', packet(0xb0, '0001')],
  ['PINGRESP from a client', packet(0xd0, '')],
  ['PUBREC with flags', packet(0x52, '0001')],
  ['PUBCOMP with id 0', packet(0x70, '0000')],
  ['PUBLISH at QoS 3 [MQTT-3.3.1-4]', packet(0x36, `${PUBLISH} 0001 31`)],
  ['DUP at QoS 0 [MQTT-3.3.1-2]', packet(0x38, `${PUBLISH} 31`)],
  ['an empty PUBLISH', packet(0x30, '')],
  ['a PUBLISH of one byte', packet(0x30, '00')],
  ['a topic longer than its packet', packet(0x30, '0010 61')],
  ['an empty topic [MQTT-4.7.3-1]', packet(0x30, '0000 31')],
  ['a topic with # [MQTT-3.3.2-2]', packet(0x30, '0003 612f23 31')],
  ['a topic with + [MQTT-3.3.2-2]', packet(0x30, '0003 612f2b 31')],
  ['a topic with U+0000', packet(0x30, '0003 610062 31')],
  ['a topic with a surrogate', packet(0x30, '0003 eda080 31')],
  ['a topic that is not UTF-8', packet(0x30, '0002 ff61 31')],
  ['QoS 1 without a packet id', packet(0x32, PUBLISH)],
  ['half a packet id', packet(0x32, `${PUBLISH} 00`)],
  ['packet id 0 at QoS 1 [MQTT-2.3.1-1]', packet(0x32, `${PUBLISH} 0000 31`)],
  ['packet id 0 at QoS 2', packet(0x34, `${PUBLISH} 0000 31`)],
  ['a topic nobody allowed', packet(0x30, '0009 76312f64322f78797a 31')],
  ['PUBACK with id 0', packet(0x40, '0000')],
  ['PUBACK of one byte', packet(0x40, '01')],
  ['PUBACK of three bytes', packet(0x40, '000100')],
  ['PUBACK with flags', packet(0x42, '0001')],
  ['PUBREL without its flags [MQTT-3.6.1-1]', packet(0x60, '0001')],
  ['PUBREL with id 0', packet(0x62, '0000')],
  ['SUBSCRIBE without its flags [MQTT-3.8.1-1]', packet(0x80, '0001 0001 61 00')],
  ['SUBSCRIBE with id 0', packet(0x82, '0000 0001 61 00')],
  ['SUBSCRIBE to nothing [MQTT-3.8.3-3]', packet(0x82, '0001')],
  ['SUBSCRIBE without the QoS', packet(0x82, '0001 0001 61')],
  ['SUBSCRIBE at QoS 3 [MQTT-3-8.3-4]', packet(0x82, '0001 0001 61 03')],
  ['SUBSCRIBE with reserved bits', packet(0x82, '0001 0001 61 81')],
  ['an empty filter', packet(0x82, '0001 0000 00')],
  ['# in the middle [MQTT-4.7.1-2]', packet(0x82, '0001 0003 232f61 00')],
  ['# beside text', packet(0x82, '0001 0002 6123 00')],
  ['+ beside text [MQTT-4.7.1-3]', packet(0x82, '0001 0002 612b 00')],
  ['a filter with U+0000', packet(0x82, '0001 0001 00 00')],
  ['one good filter and half of another', packet(0x82, '0001 0001 61 00 00')],
  ['UNSUBSCRIBE without its flags [MQTT-3.10.1-1]', packet(0xa0, '0001 0001 61')],
  ['UNSUBSCRIBE from nothing [MQTT-3.10.3-2]', packet(0xa2, '0001')],
  ['UNSUBSCRIBE with id 0', packet(0xa2, '0000 0001 61')],
  ['UNSUBSCRIBE from what is no filter', packet(0xa2, '0001 0002 6123')],
  ['PINGREQ with a body', packet(0xc0, '00')],
  ['PINGREQ with flags', packet(0xc1, '')],
  ['DISCONNECT with a body', packet(0xe0, '00')],
  ['DISCONNECT with flags [MQTT-3.14.1-1]', packet(0xe1, '')],
  ['a length of five bytes', hex('30 80808080 01')],
  ['a packet of 256 MiB', hex('30 ffffff7f')],
];

describe('a packet that 3.1.1 forbids', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it.each(FIRST)('as the first: %s', async (_what, bytes) => {
    const refused = (): number =>
      rig.meter.read('iot_requests_total mqtt malformed') +
      rig.meter.read('iot_requests_total mqtt too_large');
    const before = refused();
    const client = await rig.dial();
    client.send(bytes);
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(refused()).toBe(before + 1);
  });

  it.each(REFUSED)('as the first, with a word: %s', async (_what, bytes, connack) => {
    const client = await rig.dial();
    client.send(bytes);
    expect(await client.nextHex()).toBe(connack);
    await client.closed;
  });

  it.each(LATER)('later: %s', async (_what, bytes) => {
    const taken = rig.log.next;
    const client = await rig.client('d1', { will: will() });
    client.send(bytes, PING, publishPacket('v1/d1/telemetry', 'never'));
    await client.closed;
    expect(client.waiting).toEqual([]);
    // The end was not clean, so the will is all that was published.
    expect(rig.log.texts.slice(taken)).toEqual(['will']);
  });

  it.each([
    ['another protocol', '47'],
    ['CONNECT with flags', '11'],
    ['a PUBLISH of 4 KiB', '30 8020 00'],
  ])('as the first, is not waited for: %s', async (_what, bytes) => {
    const client = await rig.dial();
    client.send(hex(bytes));
    await client.closed;
    expect(client.waiting).toEqual([]);
  });

  it.each([
    ['packet type 0', '00 10'],
    ['packet type 15', 'f0'],
    ['a second CONNECT', '10 10 00'],
    ['SUBSCRIBE without its flags', '80 20 0001'],
    ['PUBREC with flags', '52 02 00'],
  ])('later, is not waited for: %s', async (_what, bytes) => {
    const client = await rig.client('d1');
    client.send(hex(bytes));
    await client.closed;
    expect(client.waiting).toEqual([]);
  });

  it('leaves the others alone, and nothing behind', async () => {
    const client = await rig.client('d1');
    client.send(subscribePacket(1, { 'v1/d1/#': 0 }), publishPacket('v1/d1/telemetry', 'alive'));
    expect(await client.nextHex()).toBe('9003000100');
    expect(await client.nextHex()).toContain(Buffer.from('alive').toString('hex'));
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(1);
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(1);
    client.send(DISCONNECT);
    await client.closed;
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(0);
  });
});

const will = (): { topic: string; payload: Buffer; qos: 0; retain: boolean } => ({
  topic: 'v1/d1/telemetry',
  payload: Buffer.from('will'),
  qos: 0,
  retain: false,
});
