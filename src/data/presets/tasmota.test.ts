import { describe, expect, it } from 'vitest';
import { ForeignDevice } from './preset-run.case.ts';

const plug = (topic?: string): ForeignDevice => new ForeignDevice('tasmota', 'tasmota_221AF4', topic);
const LOCAL = '2026-02-13T16:54:13';

describe('tele/SENSOR', () => {
  it('is sensors and their values, with units', () => {
    const { sink, outcome } = plug().publish('tele/tasmota_221AF4/SENSOR', {
      Time: LOCAL,
      AM2301: { Temperature: 24.6, Humidity: 58.2, DewPoint: 15.8 },
      'DS18B20-1': { Id: '01131B123456', Temperature: 19.5 },
      BMP280: { Temperature: 22, Pressure: 1009.4 },
      SCD30: { CarbonDioxide: 612, eCO2: 580 },
      PressureUnit: 'hPa',
      TempUnit: 'C',
    });
    expect(outcome).toBe('mapped');
    expect(sink.values).toEqual({
      'AM2301.Temperature': 24.6,
      'AM2301.Humidity': 58.2,
      'AM2301.DewPoint': 15.8,
      'DS18B20-1.Temperature': 19.5,
      'BMP280.Temperature': 22,
      'BMP280.Pressure': 1009.4,
      'SCD30.CarbonDioxide': 612,
      'SCD30.eCO2': 580,
    });
    expect(sink.units).toEqual({
      'AM2301.Temperature': 'Cel',
      'AM2301.Humidity': '%',
      'AM2301.DewPoint': 'Cel',
      'DS18B20-1.Temperature': 'Cel',
      'BMP280.Temperature': 'Cel',
      'BMP280.Pressure': 'hPa',
      'SCD30.CarbonDioxide': '[ppm]',
      'SCD30.eCO2': '[ppm]',
    });
  });

  it('is in Fahrenheit and inches where it says so', () => {
    const { sink } = plug().publish('tele/tasmota_221AF4/SENSOR', {
      Time: LOCAL,
      BME280: { Temperature: 76.1, Pressure: 29.8 },
      TempUnit: 'F',
      PressureUnit: 'inHg',
    });
    expect(sink.units).toEqual({ 'BME280.Temperature': '[degF]', 'BME280.Pressure': "[in_i'Hg]" });
  });

  it('has energy, also of several channels, counted from 1 as Tasmota counts', () => {
    const { sink } = plug().publish('tele/tasmota_221AF4/SENSOR', {
      Time: LOCAL,
      ENERGY: {
        TotalStartTime: '2025-12-01T10:00:00',
        Total: 3.185,
        Yesterday: 0.058,
        Today: 0.041,
        Period: 1,
        Power: [40, 0],
        ApparentPower: [47, 0],
        ReactivePower: [25, 0],
        Factor: [0.85, 0],
        Frequency: 50,
        Voltage: 232,
        Current: [0.203, 0],
      },
    });
    expect(sink.calls[0]).toEqual(['attributes', { energy_since: '2025-12-01T10:00:00' }]);
    expect(sink.values).toMatchObject({
      'ENERGY.Total': 3.185,
      'ENERGY.Power.1': 40,
      'ENERGY.Power.2': 0,
      'ENERGY.Voltage': 232,
    });
    expect(sink.units).toMatchObject({
      'ENERGY.Total': 'kW.h',
      'ENERGY.Power.1': 'W',
      'ENERGY.ApparentPower.1': 'V.A',
      'ENERGY.Voltage': 'V',
      'ENERGY.Current.2': 'A',
      'ENERGY.Frequency': 'Hz',
    });
    expect(sink.units).not.toHaveProperty('ENERGY.Factor.1');
  });

  it.each([
    [{ Time: LOCAL }, undefined],
    [{ Time: `${LOCAL}+01:00` }, `${LOCAL}+01:00`],
    [{ Time: LOCAL, Epoch: 1_790_000_000 }, 1_790_000_000_000],
    [{ Time: 1_790_000_000 }, 1_790_000_000_000],
  ])('%j is the time %s', (time, ts) => {
    expect(plug().publish('tele/tasmota_221AF4/SENSOR', { ...time, A: { B: 1 } }).sink.calls).toEqual([
      ['value', 0, 'A.B', ts, 1],
    ]);
  });

  it('is ignored when it has nothing but a time', () => {
    expect(plug().publish('tele/tasmota_221AF4/SENSOR', { Time: LOCAL }).outcome).toBe('ignored');
  });
});

describe('tele/STATE', () => {
  it('is switch positions and the health of the device', () => {
    const { sink } = plug().publish('tele/tasmota_221AF4/STATE', {
      Time: LOCAL,
      Uptime: '0T00:10:11',
      UptimeSec: 611,
      Vcc: 3.19,
      Heap: 24,
      SleepMode: 'Dynamic',
      Sleep: 50,
      LoadAvg: 19,
      MqttCount: 1,
      POWER1: 'ON',
      POWER2: 'OFF',
      Wifi: {
        AP: 1,
        SSId: 'net',
        BSSId: 'AA:BB:CC:DD:EE:FF',
        Channel: 3,
        Mode: '11n',
        RSSI: 44,
        Signal: -78,
        LinkCount: 1,
        Downtime: '0T00:00:05',
      },
    });
    expect(sink.values).toEqual({
      UptimeSec: 611,
      Vcc: 3.19,
      Heap: 24,
      LoadAvg: 19,
      MqttCount: 1,
      POWER1: 'ON',
      POWER2: 'OFF',
      'Wifi.AP': 1,
      'Wifi.Channel': 3,
      'Wifi.RSSI': 44,
      'Wifi.Signal': -78,
      'Wifi.LinkCount': 1,
    });
    expect(sink.units).toEqual({
      UptimeSec: 's',
      Vcc: 'V',
      Heap: 'kBy',
      'Wifi.RSSI': '%',
      'Wifi.Signal': 'dBm',
    });
    expect(sink.calls[0]).toEqual([
      'attributes',
      { wifi_ssid: 'net', wifi_bssid: 'AA:BB:CC:DD:EE:FF', wifi_mode: '11n' },
    ]);
  });
});

describe('stat', () => {
  it('RESULT is a reading where it names a state', () => {
    const device = plug();
    expect(device.publish('stat/tasmota_221AF4/RESULT', { POWER: 'ON' }).sink.values).toEqual({
      POWER: 'ON',
    });
    expect(
      device.publish('stat/tasmota_221AF4/RESULT', {
        Shutter1: { Position: 40, Direction: 0, Target: 40 },
        Dimmer: 60,
      }).sink.values,
    ).toEqual({ 'Shutter1.Position': 40, 'Shutter1.Direction': 0, 'Shutter1.Target': 40, Dimmer: 60 });
    expect(device.publish('stat/tasmota_221AF4/RESULT', { TelePeriod: 300 }).outcome).toBe('ignored');
  });

  it('POWER is the bare word', () => {
    expect(plug().publish('stat/tasmota_221AF4/POWER2', 'OFF').sink.values).toEqual({ POWER2: 'OFF' });
    expect(plug().publish('stat/tasmota_221AF4/Dimmer', '60').sink.values).toEqual({ Dimmer: 60 });
    expect(plug().publish('stat/tasmota_221AF4/POWER', { POWER: 'ON' }).sink.values).toEqual({ POWER: 'ON' });
  });

  it.each(['STATUS8', 'STATUS10'])('%s is what SENSOR is', (leaf) => {
    const { sink } = plug().publish(`stat/tasmota_221AF4/${leaf}`, {
      StatusSNS: { Time: LOCAL, DHT11: { Temperature: 23, Humidity: 37, DewPoint: 7.5 }, TempUnit: 'C' },
    });
    expect(sink.values).toEqual({ 'DHT11.Temperature': 23, 'DHT11.Humidity': 37, 'DHT11.DewPoint': 7.5 });
  });

  it('STATUS2 and STATUS5 are facts', () => {
    expect(
      plug().publish('stat/tasmota_221AF4/STATUS2', {
        StatusFWR: { Version: '14.1.0(tasmota)', Hardware: 'ESP8285' },
      }).sink.calls,
    ).toEqual([['attributes', { firmware: '14.1.0(tasmota)', hardware: 'ESP8285' }]]);
    expect(
      plug().publish('stat/tasmota_221AF4/STATUS5', {
        StatusNET: { Hostname: 'plug', IPAddress: '192.0.2.7', Mac: 'AA:BB' },
      }).sink.calls,
    ).toEqual([['attributes', { hostname: 'plug', ip_address: '192.0.2.7', mac_address: 'AA:BB' }]]);
  });
});

describe('facts about the device', () => {
  it.each([
    ['Online', 'online'],
    ['Offline', 'offline'],
  ])('LWT %s', (payload, availability) => {
    expect(plug().publish('tele/tasmota_221AF4/LWT', payload).sink.calls).toEqual([
      ['attributes', { availability }],
    ]);
  });

  it('INFO1 to INFO3, wrapped and flat', () => {
    const device = plug();
    expect(
      device.publish('tele/tasmota_221AF4/INFO1', {
        Info1: { Module: 'Generic', Version: '14.1.0(tasmota)', FallbackTopic: 'cmnd/x/' },
      }).sink.calls,
    ).toEqual([['attributes', { model: 'Generic', firmware: '14.1.0(tasmota)' }]]);
    expect(
      device.publish('tele/tasmota_221AF4/INFO2', {
        WebServerMode: 'Admin',
        Hostname: 'plug',
        IPAddress: '192.0.2.7',
      }).sink.calls,
    ).toEqual([['attributes', { hostname: 'plug', ip_address: '192.0.2.7' }]]);
    expect(
      device.publish('tele/tasmota_221AF4/INFO3', { Info3: { RestartReason: 'Power On', BootCount: 32 } })
        .sink.calls,
    ).toEqual([['attributes', { restart_reason: 'Power On', boot_count: 32 }]]);
  });

  it('discovery is believed only where it names this device', () => {
    const config = {
      ip: '192.0.2.7',
      dn: 'Plug',
      fn: ['Plug', null],
      hn: 'plug',
      mac: '441793221AF4',
      md: 'AZ Envy',
      ofln: 'Offline',
      onln: 'Online',
      sw: '14.1.0',
      t: 'tasmota_221AF4',
      ft: '%prefix%/%topic%/',
      tp: ['cmnd', 'stat', 'tele'],
      ver: 1,
    };
    expect(plug().publish('tasmota/discovery/441793221AF4/config', config).sink.calls).toEqual([
      [
        'attributes',
        {
          name: 'Plug',
          model: 'AZ Envy',
          firmware: '14.1.0',
          hostname: 'plug',
          ip_address: '192.0.2.7',
          mac_address: '441793221AF4',
        },
      ],
    ]);
    expect(plug().publish('tasmota/discovery/441793221AF4/config', { ...config, t: 'other' }).outcome).toBe(
      'ignored',
    );
    expect(plug().publish('tasmota/discovery/441793221AF4/sensors', { sn: {}, ver: 1 }).outcome).toBe(
      'ignored',
    );
  });
});

describe('topics', () => {
  it('are read in both orders of FullTopic, and below another base', () => {
    expect(plug().publish('tasmota_221AF4/tele/SENSOR', { A: { B: 1 } }).sink.values).toEqual({ 'A.B': 1 });
    expect(plug('attic').publish('stat/attic/POWER', 'ON').sink.values).toEqual({ POWER: 'ON' });
    expect(plug('attic').publish('stat/tasmota_221AF4/POWER', 'ON').outcome).toBe('ignored');
  });

  it.each([
    'tele/tasmota_221AF4/RESULT',
    'tele/tasmota_221AF4/HASS_STATE',
    'stat/tasmota_221AF4/LOGGING',
    'cmnd/tasmota_221AF4/POWER',
    'tele/other/SENSOR',
  ])('%s is ignored', (topic) => {
    expect(plug().publish(topic, { POWER: 'ON' }).outcome).toBe('ignored');
  });

  it('with a broken payload are refused with a code', () => {
    expect(
      plug().publish('tele/tasmota_221AF4/SENSOR', '{"Time":"2018-01-17T18:59:50","ENERGY":{"Total":1.956,')
        .outcome,
    ).toBe('payload.not_json');
    expect(plug().publish('tele/tasmota_221AF4/STATE', '[]').outcome).toBe('payload.shape');
    expect(plug().publish('tele/tasmota_221AF4/LWT', 'perhaps').outcome).toBe('payload.shape');
    expect(plug().publish('stat/tasmota_221AF4/POWER', Uint8Array.from([0xff])).outcome).toBe(
      'payload.not_utf8',
    );
  });
});
