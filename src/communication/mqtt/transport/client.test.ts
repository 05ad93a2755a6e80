/** A client that people use (mqtt.js) through each door, against the smallest server that answers it. */
import { connectAsync, type IClientOptions } from 'mqtt';
import { generate, type Packet, parser } from 'mqtt-packet';
import { beforeAll, describe, expect, it } from 'vitest';
import { runServer } from '../../http/test-support.ts';
import { until } from '../test-client.ts';
import type { ListenerName } from './link.ts';
import { type Doors, type Entered, openDoors } from './test-doors.ts';
import { type Identity, identity } from './test-identity.ts';

/** Says yes to everything, and sends every message back. */
function answer(packet: Packet): readonly Packet[] {
  switch (packet.cmd) {
    case 'connect':
      return [{ cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false }];
    case 'subscribe':
      return [{ cmd: 'suback', messageId: packet.messageId, granted: packet.subscriptions.map(() => 0) }];
    case 'publish':
      return [
        { cmd: 'puback', messageId: packet.messageId, reasonCode: 0 },
        { ...packet, qos: 0 },
      ];
    default:
      return [];
  }
}

function serve(entered: Entered, protocolVersion: 4 | 5): void {
  const packets = parser({ protocolVersion });
  packets.on('packet', (packet) => {
    for (const reply of answer(packet)) entered.socket.write(generate(reply, { protocolVersion }));
  });
  for (const chunk of entered.chunks) packets.parse(chunk);
  entered.socket.on('data', (chunk) => packets.parse(chunk));
}

let authority: Identity;
let server: Identity;
let device: Identity;
beforeAll(async () => {
  authority = await identity('CN=Test CA');
  server = await identity('CN=server', { issuer: authority });
  device = await identity('CN=d1', { issuer: authority });
});

async function roundTrip(doors: Doors, url: string, version: 4 | 5): Promise<Buffer> {
  const before = doors.entered.length;
  // Given these, it makes a secure address of any.
  const isSecure = /^(mqtt|ws)s:/.test(url);
  const tls = isSecure ? { ca: authority.cert, key: device.key, cert: device.cert } : {};
  const options: IClientOptions = { protocolVersion: version, reconnectPeriod: 0, ...tls };
  const connecting = connectAsync(url, options);
  await until(() => doors.entered.length > before);
  const entered = doors.entered.at(-1);
  if (entered !== undefined) serve(entered, version);
  const client = await connecting;
  await client.subscribeAsync('t');
  const back = new Promise<Buffer>((done) => void client.on('message', (_topic, payload) => done(payload)));
  await client.publishAsync('t', Buffer.alloc(1_048_576, 'x'), { qos: 1 });
  const payload = await back;
  await client.endAsync();
  await entered?.closed;
  return payload;
}

describe('mqtt.js', () => {
  it.each([
    ['mqtt', 4],
    ['mqtts', 5],
    ['ws', 4],
    ['ws', 5],
    ['wss', 4],
    ['wss', 5],
  ] as const)('sends and receives a megabyte over %s, version %i', async (name: ListenerName, version) => {
    await using doors = await openDoors({ names: [name], server, authority });
    const url = `${name}://127.0.0.1:${doors.port(name)}`;
    expect(await roundTrip(doors, url, version)).toEqual(Buffer.alloc(1_048_576, 'x'));
    expect(doors.entered[0]?.certificateName).toBe(name === 'mqtts' || name === 'wss' ? 'd1' : undefined);
  });

  it('does so through the HTTP listener, too', async () => {
    await using doors = await openDoors({ names: [] });
    const upgrades = { '/mqtt': doors.listeners.upgrade.bind(doors.listeners) };
    await using http = await runServer({ upgrades });
    expect(await roundTrip(doors, `ws://127.0.0.1:${http.port}/mqtt`, 5)).toHaveLength(1_048_576);
  });
});
