import { generate, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { AnswerReader, connectPacket, DISCONNECT, PINGREQ, publishPacket, textField } from './wire.ts';

function parseAll(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on('packet', (packet) => packets.push(packet));
  reader.parse(bytes);
  return packets;
}

describe('packets of the fleet', () => {
  it('are what an independent parser expects', () => {
    const login = { clientId: 'sim-1', username: 'sim-1', password: 'geheim', keepAliveS: 300 };
    const publish = publishPacket(textField('v1/sim-1/telemetry'), 65_535, '{"t":"°"}');
    const packets = parseAll(Buffer.concat([connectPacket(login), publish, PINGREQ, DISCONNECT]));
    expect(packets.map(({ cmd }) => cmd)).toEqual(['connect', 'publish', 'pingreq', 'disconnect']);
    expect(packets[0]).toMatchObject({
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 300,
      clientId: 'sim-1',
      username: 'sim-1',
      password: Buffer.from('geheim'),
    });
    expect(packets[1]).toMatchObject({ qos: 1, dup: false, retain: false, messageId: 65_535 });
    expect(packets[1]).toMatchObject({ topic: 'v1/sim-1/telemetry', payload: Buffer.from('{"t":"°"}') });
  });

  it.each([0, 100, 127, 128, 16_383, 16_384, 200_000])('carry a payload of %i bytes', (size) => {
    const payload = 'x'.repeat(size);
    const [packet] = parseAll(publishPacket(textField('t'), 1, payload));
    expect(packet).toMatchObject({ cmd: 'publish', payload: Buffer.from(payload) });
  });

  it('are answered, in pieces of any size', () => {
    const answers = Buffer.concat([
      generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
      generate({ cmd: 'puback', messageId: 1 }),
      generate({ cmd: 'pingresp' }),
      generate({ cmd: 'puback', messageId: 65_535 }),
    ]);
    for (let size = 1; size <= answers.length; size += 1) {
      const seen: string[] = [];
      const reader = new AnswerReader({
        connected: (code) => seen.push(`connected ${code}`),
        acknowledged: (id) => seen.push(`ack ${id}`),
      });
      for (let at = 0; at < answers.length; at += size) {
        expect(reader.push(answers.subarray(at, at + size))).toBe(true);
      }
      expect(seen).toEqual(['connected 0', 'ack 1', 'ack 65535']);
    }
  });

  it('give up on a peer that speaks something else', () => {
    const reader = new AnswerReader({ connected: () => undefined, acknowledged: () => undefined });
    expect(reader.push(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toBe(false);
  });
});
