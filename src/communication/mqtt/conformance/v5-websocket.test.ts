/** Chapter 6: MQTT over WebSocket, told over frames of every kind. */
import { once } from 'node:events';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { PING } from '../test-client.ts';
import { conformance } from './case.ts';
import { connect, publish, subscribe } from './v5-packets.ts';
import { DOORS, talk, urlOf } from './websocket-talk.ts';

conformance(
  'v5',
  ['MQTT-6.0.0-1'],
  'packets go out in binary frames, and a text frame ends the connection',
  async (rig) => {
    await using client = await talk(rig);
    client.socket.send(connect({ clientId: 'c' }));
    expect(await client.bytes(5)).toMatch(/^20/);
    client.socket.send(PING.toString('latin1'));
    await once(client.socket, 'close');
  },
  DOORS,
);

conformance(
  'v5',
  ['MQTT-6.0.0-2'],
  'packets may be cut over frames at every byte, and share a frame',
  async (rig) => {
    await using client = await talk(rig);
    for (const byte of connect({ clientId: 'c' })) client.socket.send(Buffer.from([byte]));
    const connack = await client.bytes(5);
    const start = connack.length / 2;
    const message = publish({ topic: 't', payload: 'x' });
    const whole = Buffer.concat([subscribe(1, [['t', 0]]), message, message]);
    client.socket.send(whole.subarray(0, whole.length - 3));
    client.socket.send(Buffer.concat([whole.subarray(whole.length - 3), PING]));
    const answers = await client.bytes(start + 6 + 2 + 2 * message.length);
    expect(answers.slice(connack.length)).toContain('900400010000');
    expect(answers.slice(connack.length).split(message.toString('hex'))).toHaveLength(3);
  },
  DOORS,
);

conformance(
  'v5',
  ['MQTT-6.0.0-4'],
  'the sub-protocol chosen is mqtt, among whatever others',
  async (rig) => {
    for (const offered of [['mqtt'], ['chat', 'mqtt'], ['mqtt', 'other']]) {
      await using client = await talk(rig, offered);
      expect(client.socket.protocol).toBe('mqtt');
    }
  },
  DOORS,
);

conformance(
  'v5',
  ['MQTT-6.0.0-3'],
  'a client that does not offer mqtt gets no connection',
  async (rig) => {
    for (const offered of [[], ['chat'], ['MQTT']]) {
      const socket = new WebSocket(urlOf(rig), offered);
      const [fault] = await once(socket, 'error');
      expect(String(fault)).toMatch(/400/);
    }
  },
  DOORS,
);
