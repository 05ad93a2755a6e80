import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { BRIDGE_HOPS_MAX } from '../../base/limits.ts';
import { crossed, sizeAtMost } from './message-properties.ts';

describe('properties of a message that crosses a bridge', () => {
  it('go on, but for those that belong to one connection', () => {
    const given = {
      contentType: 'text/plain',
      userProperties: { a: ['1', '2'] },
      topicAlias: 7,
      subscriptionIdentifier: 3,
    };
    expect(crossed(given)).toEqual({
      contentType: 'text/plain',
      userProperties: { a: ['1', '2'], 'sensorium-hops': '1' },
    });
  });

  it('count the bridges, and end a message that has crossed too many', () => {
    let properties: ReturnType<typeof crossed> = {};
    for (let hop = 1; hop <= BRIDGE_HOPS_MAX; hop += 1) properties = crossed(properties);
    expect(properties?.userProperties?.['sensorium-hops']).toBe(String(BRIDGE_HOPS_MAX));
    expect(crossed(properties)).toBeUndefined();
  });

  it('take the highest of several counts, and nothing for what is no number', () => {
    const hops = (value: string | string[]) =>
      crossed({ userProperties: { 'sensorium-hops': value } })?.userProperties?.['sensorium-hops'];
    expect(hops(['2', '5'])).toBe('6');
    expect(hops('many')).toBe('1');
  });

  it('are never larger on the wire than was said', () => {
    const properties = {
      contentType: 'c',
      responseTopic: 'r/é',
      correlationData: Buffer.alloc(100),
      payloadFormatIndicator: true,
      messageExpiryInterval: 9,
      userProperties: { n: ['v', 'w'] },
    };
    const packet = {
      cmd: 'publish',
      topic: 't',
      payload: 'x',
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    } as const;
    const wire = generate({ ...packet, properties }, { protocolVersion: 5 });
    expect(sizeAtMost('t', 'x', properties)).toBeGreaterThanOrEqual(wire.length);
  });
});
