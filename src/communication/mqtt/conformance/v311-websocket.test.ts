/** Chapter 6: MQTT over WebSocket. */
import { once } from 'node:events';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { connectPacket, PING, publishPacket, subscribePacket } from '../test-client.ts';
import { conformance } from './case.ts';
import { DOORS, talk, urlOf } from './websocket-talk.ts';

const CONNACK = '20020000';

conformance(
  'v311',
  ['MQTT-6.0.0-1'],
  'packets leave in binary frames; a text frame closes',
  async (rig) => {
    await using client = await talk(rig);
    client.socket.send(connectPacket('admin'));
    expect(await client.bytes(4)).toBe(CONNACK);
    client.socket.send(PING.toString('latin1'));
    await once(client.socket, 'close');
  },
  DOORS,
);

conformance(
  'v311',
  ['MQTT-6.0.0-2'],
  'frames may cut packets anywhere, and hold several',
  async (rig) => {
    await using client = await talk(rig);
    for (const byte of connectPacket('admin')) client.socket.send(Buffer.from([byte]));
    expect(await client.bytes(4)).toBe(CONNACK);
    const message = publishPacket('t', 'x');
    const whole = Buffer.concat([subscribePacket(1, { t: 0 }), message, message]);
    client.socket.send(whole.subarray(0, whole.length - 3));
    client.socket.send(Buffer.concat([whole.subarray(whole.length - 3), PING]));
    const answers = (await client.bytes(4 + 5 + 2 * message.length + 2)).slice(CONNACK.length);
    expect(answers).toContain('9003000100');
    expect(answers.split(message.toString('hex'))).toHaveLength(3);
  },
  DOORS,
);

conformance(
  'v311',
  ['MQTT-6.0.0-3'],
  'without the sub-protocol mqtt there is no connection',
  async (rig) => {
    for (const offered of [[], ['chat'], ['MQTT']]) {
      const [fault] = await once(new WebSocket(urlOf(rig), offered), 'error');
      expect(String(fault)).toMatch(/400/);
    }
  },
  DOORS,
);

conformance(
  'v311',
  ['MQTT-6.0.0-4'],
  'of the sub-protocols offered the server chooses mqtt',
  async (rig) => {
    for (const offered of [['mqtt'], ['chat', 'mqtt'], ['mqtt', 'other']]) {
      await using client = await talk(rig, offered);
      expect(client.socket.protocol).toBe('mqtt');
    }
  },
  DOORS,
);
