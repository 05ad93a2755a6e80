import { describe, expect, it } from 'vitest';
import { ForeignDevice } from './preset-run.case.ts';

const bridge = (base?: string): ForeignDevice => new ForeignDevice('zigbee2mqtt', 'bridge', base);

/** In the form of the MQTT topics page: a climate sensor and a plug, and the coordinator itself. */
const DEVICES = [
  {
    ieee_address: '0x00124b00120144ae',
    type: 'Coordinator',
    friendly_name: 'Coordinator',
    definition: null,
    model_id: null,
  },
  {
    ieee_address: '0x00158d0001825501',
    type: 'EndDevice',
    network_address: 29159,
    supported: true,
    friendly_name: 'attic/climate',
    definition: {
      model: 'WSDCGQ11LM',
      vendor: 'Aqara',
      description: 'Temperature and humidity sensor',
      options: [],
      exposes: [
        { type: 'numeric', name: 'temperature', property: 'temperature', unit: '°C', access: 1 },
        { type: 'numeric', name: 'humidity', property: 'humidity', unit: '%', access: 1 },
        { type: 'numeric', name: 'pressure', property: 'pressure', unit: 'hPa', access: 1 },
        { type: 'numeric', name: 'linkquality', property: 'linkquality', unit: 'lqi', access: 1 },
      ],
    },
    power_source: 'Battery',
    software_build_id: '3000-0001',
    model_id: 'lumi.weather',
    interview_completed: true,
  },
  {
    ieee_address: '0x00158d0001825502',
    type: 'Router',
    friendly_name: 'plug',
    definition: {
      model: 'ZNCZ02LM',
      vendor: 'Xiaomi',
      description: 'Power plug',
      exposes: [
        {
          type: 'switch',
          features: [{ type: 'binary', name: 'state', property: 'state', value_on: 'ON', value_off: 'OFF' }],
        },
        { type: 'numeric', name: 'power', property: 'power', unit: 'W' },
        { type: 'numeric', name: 'energy', property: 'energy', unit: 'kWh' },
      ],
    },
    power_source: 'Mains (single phase)',
  },
  {
    ieee_address: '0x00169a00022256da',
    type: 'Router',
    friendly_name: 'unsupported',
    definition: null,
    model_id: null,
  },
];

describe('state of a device', () => {
  it('is values of a child named by the rest of the topic', () => {
    const { sink, outcome } = bridge().publish('zigbee2mqtt/kitchen/floor_light', {
      state: 'ON',
      brightness: 215,
      color: { x: 0.123, y: 0.456, hue: 240 },
      color_mode: 'xy',
      occupancy: true,
      linkquality: 96,
      battery: null,
      action: '',
    });
    expect(outcome).toBe('mapped');
    expect(sink.calls[0]).toEqual(['child', 'kitchen/floor_light']);
    expect(sink.values).toEqual({
      state: 'ON',
      brightness: 215,
      'color.x': 0.123,
      'color.y': 0.456,
      'color.hue': 240,
      color_mode: 'xy',
      occupancy: true,
      linkquality: 96,
    });
  });

  it.each([
    ['2026-09-21T10:00:00.000Z', '2026-09-21T10:00:00.000Z'],
    ['2026-09-21T12:00:00+02:00', '2026-09-21T12:00:00+02:00'],
    [1_790_000_000_000, 1_790_000_000_000],
    ['N/A', undefined],
  ])('counts from last_seen %j', (last_seen, ts) => {
    expect(bridge().publish('zigbee2mqtt/t', { temperature: 27.34, last_seen }).sink.calls).toEqual([
      ['child', 't'],
      ['value', 0, 'temperature', ts, 27.34],
    ]);
  });

  it('keeps firmware and device information as attributes', () => {
    const { sink } = bridge().publish('zigbee2mqtt/plug', {
      power: 3.2,
      update: { state: 'available', installed_version: 25, latest_version: 26 },
      update_available: true,
      device: {
        friendlyName: 'plug',
        ieeeAddr: '0x0015',
        manufacturerName: 'LUMI',
        model: 'ZNCZ02LM',
        powerSource: 'Mains',
      },
    });
    expect(sink.values).toEqual({ power: 3.2 });
    expect(sink.calls[1]).toEqual([
      'attributes',
      {
        update: 'available',
        firmware_installed: 25,
        firmware_latest: 26,
        manufacturer: 'LUMI',
        model: 'ZNCZ02LM',
        ieee_address: '0x0015',
        power_source: 'Mains',
      },
    ]);
  });

  it('is read below another base topic too, and nowhere else', () => {
    expect(bridge('home/z2m').publish('home/z2m/lamp', { state: 'OFF' }).sink.values).toEqual({
      state: 'OFF',
    });
    expect(bridge('home/z2m').publish('home/z2mx/lamp', { state: 'OFF' }).outcome).toBe('ignored');
  });

  it('that is empty or says nothing is ignored; one that is no object is refused', () => {
    const device = bridge();
    expect(device.publish('zigbee2mqtt/gone', '').outcome).toBe('ignored');
    expect(device.publish('zigbee2mqtt/t', { battery: null, last_seen: 5 }).outcome).toBe('ignored');
    expect(device.publish('zigbee2mqtt/t', 'ON').outcome).toBe('payload.not_json');
    expect(device.publish('zigbee2mqtt/t', '21.5').outcome).toBe('payload.shape');
  });
});

describe('bridge/devices', () => {
  it('gives facts about every child but the coordinator', () => {
    const { sink, outcome } = bridge().publish('zigbee2mqtt/bridge/devices', DEVICES);
    expect(outcome).toBe('mapped');
    expect(sink.calls.filter(([kind]) => kind === 'child').map((call) => call[1])).toEqual([
      'attic/climate',
      'plug',
      'unsupported',
    ]);
    expect(sink.calls[1]).toEqual([
      'attributes',
      {
        name: 'attic/climate',
        ieee_address: '0x00158d0001825501',
        type: 'EndDevice',
        model: 'WSDCGQ11LM',
        manufacturer: 'Aqara',
        description: 'Temperature and humidity sensor',
        power_source: 'Battery',
        firmware: '3000-0001',
      },
    ]);
  });

  it('tells the units of later states', () => {
    const device = bridge();
    device.publish('zigbee2mqtt/bridge/devices', DEVICES);
    const { sink } = device.publish('zigbee2mqtt/attic/climate', {
      temperature: 20.5,
      humidity: 51,
      pressure: 1013,
      constructor: 1,
    });
    expect(sink.units).toEqual({ temperature: 'Cel', humidity: '%', pressure: 'hPa' });
    expect(device.publish('zigbee2mqtt/plug', { power: 5, energy: 1.5, state: 'ON' }).sink.units).toEqual({
      power: 'W',
      energy: 'kW.h',
    });
  });

  it('writes to memory only what changed, and forgets who is gone', () => {
    const device = bridge();
    device.publish('zigbee2mqtt/bridge/devices', DEVICES);
    const { writes } = device.memory;
    device.publish('zigbee2mqtt/bridge/devices', DEVICES);
    expect(device.memory.writes).toBe(writes);
    device.publish('zigbee2mqtt/bridge/devices', []);
    expect([...device.memory.entries]).toEqual([]);
  });
});

describe('other topics', () => {
  it.each(['online', '{"state":"online"}'])('availability %s is an attribute of the child', (payload) => {
    expect(bridge().publish('zigbee2mqtt/kitchen/lamp/availability', payload).sink.calls).toEqual([
      ['child', 'kitchen/lamp'],
      ['attributes', { availability: 'online' }],
    ]);
  });

  it('the state of the bridge is one of its own', () => {
    expect(bridge().publish('zigbee2mqtt/bridge/state', { state: 'offline' }).sink.calls).toEqual([
      ['child', undefined],
      ['attributes', { availability: 'offline' }],
    ]);
  });

  it.each([
    'zigbee2mqtt/lamp/set',
    'zigbee2mqtt/lamp/set/state',
    'zigbee2mqtt/kitchen/lamp/get',
    'zigbee2mqtt/bridge/info',
    'zigbee2mqtt/bridge/logging',
    'zigbee2mqtt/bridge/event',
    'zigbee2mqtt/bridge/response/permit_join',
    'zigbee2mqtt',
    'zigbee2mqtt/',
    'elsewhere/lamp',
  ])('%s is ignored', (topic) => {
    expect(bridge().publish(topic, { state: 'ON' })).toMatchObject({
      outcome: 'ignored',
      sink: { calls: [] },
    });
  });
});
