import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JSON_DEPTH_MAX, METRIC_NAME_MAX_CHARS, READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import { TOPIC_PRESETS } from '../../model/device.ts';
import { ForeignDevice } from './preset-run.case.ts';

const BASE = 'dev';
/** One data topic of each preset. */
const TOPICS = {
  zigbee2mqtt: [`${BASE}/lamp`, `${BASE}/lamp/availability`, `${BASE}/bridge/devices`],
  tasmota: [
    `tele/${BASE}/SENSOR`,
    `tele/${BASE}/STATE`,
    `stat/${BASE}/RESULT`,
    `stat/${BASE}/POWER`,
    `tele/${BASE}/INFO1`,
    'tasmota/discovery/AA/config',
  ],
  shelly: [`${BASE}/events/rpc`, `${BASE}/status/switch:0`, `${BASE}/online`, 'shellies/announce'],
  homeassistant: [
    'homeassistant/sensor/x/config',
    'homeassistant/device/x/config',
    `${BASE}/sensor/x/state`,
    `${BASE}/light/x/state`,
  ],
} as const;

const all = TOPIC_PRESETS.flatMap((preset) => TOPICS[preset].map((topic) => [preset, topic] as const));

describe('hostile payloads', () => {
  it.each(all)('of %s on %s never throw', (preset, topic) => {
    const device = new ForeignDevice(preset, 'dev', BASE);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json({ maxDepth: 4 }),
      fc.object({
        key: fc.constantFrom(
          'n',
          'params',
          'events',
          'method',
          'dev',
          'cmps',
          '__proto__',
          'state',
          'Time',
          'StatusSNS',
          'stat_t',
          'val_tpl',
          'availability',
          'exposes',
          'definition',
          'friendly_name',
          'x',
        ),
      }),
    );
    fc.assert(
      fc.property(payload, (each) => {
        device.publish(topic, each);
      }),
      { numRuns: 300 },
    );
  });

  it.each(all)('of %s on %s of a megabyte stay bounded', (preset, topic) => {
    const device = new ForeignDevice(preset, 'dev', BASE);
    const long = 'x'.repeat(400_000);
    const many = Array.from({ length: 50_000 }, (_, i) => `"${i}":1`).join(',');
    const payloads = [
      '['.repeat(1_000_000),
      `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
      `{"${long}":{${many}}}`,
      `{"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}`,
      `{"params":{"ts":1,"switch:${long}":{${many}}}}`,
      `{"dev":{"ids":"${long}"},"stat_t":"${long}","val_tpl":"${long}","unit_of_meas":"${long}","pl_on":"${long}"}`,
    ];
    for (const payload of payloads) {
      const { sink } = device.publish(topic, payload);
      for (const call of sink.calls)
        if (call[0] === 'value') expect(call[2].length).toBeLessThanOrEqual(METRIC_NAME_MAX_CHARS);
      for (const message of sink.messages) expect(message.length).toBeLessThan(400);
    }
    for (const [key, value] of device.memory.entries) expect(key.length + value.length).toBeLessThan(10_000);
  });

  it('nested too deeply are refused at that depth, and their neighbours taken', () => {
    const device = new ForeignDevice('zigbee2mqtt', 'dev', BASE);
    const nested = `${'{"a":'.repeat(JSON_DEPTH_MAX + 5)}1${'}'.repeat(JSON_DEPTH_MAX + 5)}`;
    const { sink } = device.publish(`${BASE}/lamp`, `{"deep":${nested},"power":5}`);
    expect(sink.values).toEqual({ power: 5 });
    expect(sink.rejects).toEqual([[0, 'payload.too_deep']]);
  });

  it('with too many values are cut with a rejection', () => {
    const device = new ForeignDevice('zigbee2mqtt', 'dev', BASE);
    const many = Object.fromEntries(
      Array.from({ length: READINGS_PER_PACKET_MAX + 10 }, (_, i) => [`m${i}`, 1]),
    );
    const { sink } = device.publish(`${BASE}/lamp`, many);
    expect(sink.rejects).toEqual([[0, 'payload.too_many']]);
    expect(sink.calls).toHaveLength(READINGS_PER_PACKET_MAX + 2);
  });

  it('read by many entities of one topic still give a bounded number of values', () => {
    const device = new ForeignDevice('homeassistant', 'dev', BASE);
    for (let i = 0; i < 20; i += 1)
      device.publish(`homeassistant/light/l${i}/config`, { stat_t: `${BASE}/all`, schema: 'json' });
    const { sink } = device.publish(
      `${BASE}/all`,
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, 1])),
    );
    expect(sink.calls.filter(([kind]) => kind === 'value')).toHaveLength(READINGS_PER_PACKET_MAX);
    expect(sink.rejects).toEqual([[0, 'payload.too_many']]);
  });
});
