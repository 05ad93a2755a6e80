/** Bytes and steps that the tests of MQTT 3.1.1 share. Unless told otherwise their clients are one user who may all. */
import { expect } from 'vitest';
import {
  type ConnectOptions,
  connectPacket,
  PING,
  publishPacket,
  pubrel,
  type RawClient,
  readPublish,
  subscribePacket,
  until,
} from '../test-client.ts';
import type { Rig } from '../test-support.ts';

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A packet of any first byte with any bytes behind its length (below 128). */
export function raw(header: number, body = ''): Buffer {
  const bytes = hex(body);
  return Buffer.concat([Buffer.from([header, bytes.length]), bytes]);
}

/** What a CONNECT of 3.1.1 begins with: name and level. */
export const MQTT_4 = '0004 4d515454 04';
/** The string `text` with its length, in hexadecimal digits. */
export function field(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length.toString(16).padStart(4, '0') + bytes.toString('hex');
}
/** User name and password of one who may all, as the end of a CONNECT. */
export const ADMIN = field('admin') + field('right');

export const pubrec = (id: number): Buffer => Buffer.from([0x50, 2, id >> 8, id & 0xff]);
export const pubcomp = (id: number): Buffer => Buffer.from([0x70, 2, id >> 8, id & 0xff]);

/** Connects; answers the CONNACK, too. */
export async function greet(
  rig: Rig,
  clientId: string,
  options: ConnectOptions = {},
): Promise<{ readonly client: RawClient; readonly connack: string }> {
  const client = await rig.dial();
  client.send(connectPacket('admin', { clientId, ...options }));
  return { client, connack: await client.nextHex() };
}

/** Connects and is accepted. */
export async function join(rig: Rig, clientId: string, options: ConnectOptions = {}): Promise<RawClient> {
  const { client, connack } = await greet(rig, clientId, options);
  expect(connack).toMatch(/^20020[01]00$/);
  return client;
}

/** Subscribes; answers the codes of the SUBACK, which is the next packet. */
export async function subscribe(
  client: RawClient,
  filters: Readonly<Record<string, 0 | 1 | 2>>,
  id = 1,
): Promise<readonly number[]> {
  client.send(subscribePacket(id, filters));
  const { header, body } = await client.next();
  expect([header, body.readUInt16BE(0)]).toEqual([0x90, id]);
  return [...body.subarray(2)];
}

interface Sending {
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly id?: number;
}

/** Publishes and goes through all its acknowledgements; the client receives nothing else meanwhile. */
export async function publish(
  client: RawClient,
  topic: string,
  payload: string,
  { qos = 1, retain = false, dup = false, id = 1 }: Sending = {},
): Promise<void> {
  client.send(publishPacket(topic, payload, { qos, retain, dup, ...(qos === 0 ? {} : { messageId: id }) }));
  if (qos === 0) expect(await client.settled()).toEqual([]);
  if (qos === 1) expect((await client.next()).header).toBe(0x40);
  if (qos === 2) {
    expect((await client.next()).header).toBe(0x50);
    client.send(pubrel(id));
    expect((await client.next()).header).toBe(0x70);
  }
}

/** Takes what comes until that many packets are there and no more come; they are all PUBLISH. */
export async function messages(
  client: RawClient,
  count: number,
): Promise<readonly ReturnType<typeof readPublish>[]> {
  await until(() => client.isClosed || client.waiting.length >= count);
  if (!client.isClosed) await client.settled();
  const taken: ReturnType<typeof readPublish>[] = [];
  while (client.waiting.length > 0) taken.push(readPublish(await client.next()));
  return taken;
}

/** The same as `topic payload qos`. */
export async function texts(client: RawClient, count: number): Promise<readonly string[]> {
  return (await messages(client, count)).map(({ topic, payload, qos }) => `${topic} ${payload} ${qos}`);
}

/** Ends without DISCONNECT, and waits until the server has seen it. */
export async function vanish(rig: Rig, client: RawClient): Promise<void> {
  const before = rig.meter.read('iot_mqtt_connections mqtt');
  client.destroy();
  await until(() => rig.meter.read('iot_mqtt_connections mqtt') < before);
}

type Rows = readonly (readonly [what: string, bytes: Buffer])[];

/** Those that the server did not meet by closing without a word: as the first bytes of a connection. */
export async function toleratedFirst(rig: Rig, rows: Rows): Promise<readonly string[]> {
  return await tolerated(rows, () => rig.dial());
}

/** The same, of an accepted client. */
export async function toleratedLater(rig: Rig, rows: Rows): Promise<readonly string[]> {
  return await tolerated(rows, () => join(rig, 'sender'));
}

async function tolerated(rows: Rows, open: () => Promise<RawClient>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [what, bytes] of rows) {
    const client = await open();
    client.send(bytes, PING);
    await until(() => client.isClosed || client.waiting.length > 0);
    if (client.waiting.length > 0) found.push(`${what}: ${client.waiting.map((each) => each.hex).join(' ')}`);
    client.destroy();
  }
  return found;
}
