import { describe, expect, it } from 'vitest';
import { ForeignDevice } from './preset-run.case.ts';

const ID = 'shellyplus1pm-441793d69718';
const relay = (base?: string): ForeignDevice => new ForeignDevice('shelly', ID, base);
const rpc = (method: string, params: unknown): unknown => ({ src: ID, dst: `${ID}/events`, method, params });

describe('events/rpc', () => {
  it('NotifyStatus is the fields that changed, by component, with units and time', () => {
    const { sink, outcome } = relay().publish(
      `${ID}/events/rpc`,
      rpc('NotifyStatus', {
        ts: 1_631_186_545.04,
        'switch:0': {
          id: 0,
          source: 'button',
          output: true,
          apower: 8.9,
          voltage: 237.5,
          current: 0.045,
          aenergy: { total: 6.532, by_minute: [45.199, 47.141, 88.397], minute_ts: 1_626_935_779 },
          temperature: { tC: 23.5, tF: 74.4 },
          errors: ['overtemp'],
        },
      }),
    );
    expect(outcome).toBe('mapped');
    expect(sink.values).toEqual({
      'switch:0.source': 'button',
      'switch:0.output': true,
      'switch:0.apower': 8.9,
      'switch:0.voltage': 237.5,
      'switch:0.current': 0.045,
      'switch:0.aenergy.total': 6.532,
      'switch:0.temperature.tC': 23.5,
      'switch:0.temperature.tF': 74.4,
    });
    expect(sink.units).toEqual({
      'switch:0.apower': 'W',
      'switch:0.voltage': 'V',
      'switch:0.current': 'A',
      'switch:0.aenergy.total': 'W.h',
      'switch:0.temperature.tC': 'Cel',
      'switch:0.temperature.tF': '[degF]',
    });
    expect(sink.calls[0]).toEqual(['value', 0, 'switch:0.source', 1_631_186_545_040, 'button']);
  });

  it('NotifyFullStatus of a sleeping sensor keeps facts apart from readings', () => {
    const { sink } = relay().publish(
      `${ID}/events/rpc`,
      rpc('NotifyFullStatus', {
        ts: 1_680_962_879.62,
        ble: {},
        cloud: { connected: false },
        'devicepower:0': { id: 0, battery: { V: 5.43, percent: 70 }, external: { present: false } },
        ht_ui: {},
        'humidity:0': { id: 0, rh: 42.2 },
        mqtt: { connected: true },
        sys: {
          mac: 'B8D61A8B17CC',
          restart_required: false,
          time: null,
          unixtime: null,
          uptime: 3,
          ram_size: 235_300,
          ram_free: 164_244,
          fs_free: 118_784,
          available_updates: { stable: { version: '1.0.3' } },
        },
        'temperature:0': { id: 0, tC: 19.8, tF: 67.6 },
        wifi: { sta_ip: '192.0.2.83', status: 'got ip', ssid: 'net', rssi: -58 },
      }),
    );
    expect(sink.values).toEqual({
      'devicepower:0.battery.V': 5.43,
      'devicepower:0.battery.percent': 70,
      'devicepower:0.external.present': false,
      'humidity:0.rh': 42.2,
      'sys.uptime': 3,
      'sys.ram_free': 164_244,
      'sys.fs_free': 118_784,
      'temperature:0.tC': 19.8,
      'temperature:0.tF': 67.6,
      'wifi.rssi': -58,
    });
    expect(sink.calls.filter(([kind]) => kind === 'attributes')).toEqual([
      ['attributes', { mac_address: 'B8D61A8B17CC', restart_required: false, update: '1.0.3' }],
      ['attributes', { ip_address: '192.0.2.83', wifi_ssid: 'net', wifi_status: 'got ip' }],
    ]);
  });

  it('knows the phases of a three-phase meter', () => {
    const { sink } = relay().publish(
      `${ID}/events/rpc`,
      rpc('NotifyStatus', {
        ts: 1_680_962_879,
        'em:0': {
          id: 0,
          a_current: 4.2,
          a_voltage: 230,
          a_act_power: 966,
          a_pf: 1,
          total_act_power: 2_484,
          n_current: null,
        },
      }),
    );
    expect(sink.units).toEqual({
      'em:0.a_current': 'A',
      'em:0.a_voltage': 'V',
      'em:0.a_act_power': 'W',
      'em:0.total_act_power': 'W',
    });
  });

  it('NotifyEvent is the name of the event, for components with a number', () => {
    const { sink } = relay().publish(
      `${ID}/events/rpc`,
      rpc('NotifyEvent', {
        ts: 1_631_266_595.44,
        events: [
          { component: 'input:0', id: 0, event: 'single_push', ts: 1_631_266_595.44 },
          { component: 'sys', event: 'config_changed', restart_required: false, ts: 1_631_266_595.44 },
        ],
      }),
    );
    expect(sink.calls).toEqual([['value', 0, 'input:0.event', 1_631_266_595_440, 'single_push']]);
  });

  it.each([
    rpc('NotifyEvent', { events: 'none' }),
    rpc('Other', {}),
    { id: 1, result: {} },
    rpc('NotifyStatus', { ts: 5 }),
  ])('%j is ignored', (frame) => {
    expect(relay().publish(`${ID}/events/rpc`, frame).outcome).toBe('ignored');
  });
});

describe('other topics', () => {
  it('status of a component has no time of its own', () => {
    expect(relay().publish(`${ID}/status/switch:0`, { id: 0, output: false, apower: 0 }).sink.calls).toEqual([
      ['value', 0, 'switch:0.output', undefined, false],
      ['value', 0, 'switch:0.apower', undefined, 0, 'W'],
    ]);
  });

  it('online is an attribute', () => {
    expect(relay().publish(`${ID}/online`, 'true').sink.calls).toEqual([
      ['attributes', { availability: 'online' }],
    ]);
    expect(relay().publish(`${ID}/online`, 'false').sink.calls).toEqual([
      ['attributes', { availability: 'offline' }],
    ]);
  });

  it('an announcement is believed only where it is this device', () => {
    const info = {
      name: 'Boiler',
      id: ID,
      mac: '441793D69718',
      model: 'SNSW-001P16EU',
      gen: 2,
      fw_id: '20230912-114516/v1.0.3',
      ver: '1.0.3',
      app: 'Plus1PM',
      auth_en: false,
    };
    const facts = {
      name: 'Boiler',
      model: 'SNSW-001P16EU',
      application: 'Plus1PM',
      firmware: '1.0.3',
      generation: 2,
      mac_address: '441793D69718',
    };
    expect(relay().publish('shellies/announce', info).sink.calls).toEqual([['attributes', facts]]);
    expect(relay('boiler').publish('boiler/announce', info).sink.calls).toEqual([['attributes', facts]]);
    expect(relay().publish('shellies/announce', { ...info, id: 'other' }).outcome).toBe('ignored');
  });

  it.each([`${ID}/debug/log`, `${ID}/rpc`, `${ID}/status`, `${ID}/status/a/b`, `${ID}x/online`, ID])(
    '%s is ignored',
    (topic) => {
      expect(relay().publish(topic, { output: true }).outcome).toBe('ignored');
    },
  );
});
