import { describe, expect, it } from 'vitest';
import { decodeBthome } from './bthome.ts';
import { BTHOME_OBJECTS } from './bthome-objects.ts';
import { bytes, refusal, understood, values } from './testing.ts';

/** Columns "Example" and "Result" of https://bthome.io/format. */
const EXAMPLES: readonly (readonly [
  hexText: string,
  metric: string,
  value: number | string | boolean,
  unit?: string,
])[] = [
  ['0161', 'battery', 97, '%'],
  ['02CA09', 'temperature', 25.06, 'Cel'],
  ['03BF13', 'humidity', 50.55, '%'],
  ['04138A01', 'pressure', 1008.83, 'hPa'],
  ['05138A14', 'illuminance', 13460.67, 'lx'],
  ['065E1F', 'mass', 80.3, 'kg'],
  ['073E1D', 'mass', 74.86, '[lb_av]'],
  ['08CA06', 'dew_point', 17.38, 'Cel'],
  ['0960', 'count', 96],
  ['0A138A14', 'energy', 1346.067, 'kW.h'],
  ['0B021B00', 'power', 69.14, 'W'],
  ['0C020C', 'voltage', 3.074, 'V'],
  ['0D120C', 'pm25', 3090, 'ug/m3'],
  ['0E021C', 'pm10', 7170, 'ug/m3'],
  ['0F01', 'on', true],
  ['1001', 'power_on', true],
  ['1100', 'opening', false],
  ['12E204', 'co2', 1250, '[ppm]'],
  ['133301', 'tvoc', 307, 'ug/m3'],
  ['14020C', 'moisture', 30.74, '%'],
  ['2D01', 'window', true],
  ['2E23', 'humidity', 35, '%'],
  ['2F23', 'moisture', 35, '%'],
  ['3A00', '', ''],
  ['3A01', 'button', 'press'],
  ['3A80', 'button', 'hold_press'],
  ['3D0960', 'count', 24585],
  ['3E2A2C0960', 'count', 1611213866],
  ['3F020C', 'rotation', 307.4, 'deg'],
  ['400C00', 'distance', 12, 'mm'],
  ['414E00', 'distance', 7.8, 'm'],
  ['424E3400', 'duration', 13.39, 's'],
  ['434E34', 'current', 13.39, 'A'],
  ['444E34', 'speed', 133.9, 'm/s'],
  ['451101', 'temperature', 27.3, 'Cel'],
  ['4632', 'uv_index', 5],
  ['478756', 'volume', 2215.1, 'L'],
  ['48DC87', 'volume', 34780, 'mL'],
  ['49DC87', 'volume_flow_rate', 34.78, 'm3/h'],
  ['4A020C', 'voltage', 307.4, 'V'],
  ['4B138A14', 'gas', 1346.067, 'm3'],
  ['4C41018A01', 'gas', 25821.505, 'm3'],
  ['4D12138A14', 'energy', 344593.17, 'kW.h'],
  ['4E87562A01', 'volume', 19551.879, 'L'],
  ['4F87562A01', 'water', 19551.879, 'L'],
  ['505D396164', 'timestamp', 1684093277, 's'],
  ['518756', 'acceleration', 22.151, 'm/s2'],
  ['528756', 'gyroscope', 22.151, 'deg/s'],
  ['530C48656C6C6F20576F726C6421', 'text', 'Hello World!'],
  ['540C48656C6C6F20576F726C6421', 'raw', '48656c6c6f20576f726c6421'],
  ['5587562A01', 'volume_storage', 19551.879, 'L'],
  ['56E803', 'conductivity', 1000, 'uS/cm'],
  ['57EA', 'temperature', -22, 'Cel'],
  ['58EA', 'temperature', -7.7, 'Cel'],
  ['59EA', 'count', -22],
  ['5AEAEA', 'count', -5398],
  ['5BEA0234EA', 'count', -365690134],
  ['5C02FBFFFF', 'power', -12.78, 'W'],
  ['5D02EA', 'current', -5.63, 'A'],
  ['5E9F8C', 'direction', 359.99, 'deg'],
  ['5F1027', 'precipitation', 1000, 'mm'],
  ['6001', 'channel', 1],
  ['61AC0D', 'rotational_speed', 3500, '/min'],
  ['6440', 'light_level', 64],
];

describe('BTHome v2', () => {
  it.each(EXAMPLES)('%s', (hexText, metric, value, unit) => {
    const [reading] = understood(decodeBthome, `40${hexText}`).readings;
    expect(reading).toEqual(metric === '' ? undefined : { metric, value, unit });
  });

  it('reads the whole example of the format page', () => {
    // "020106 0B094449592D73656E736F72 0A16D2FC4002C40903BF13": 25 °C and 50.55 %.
    const packet = understood(decodeBthome, '4002C40903BF13');
    expect(values(packet)).toEqual({ temperature: 25, humidity: 50.55 });
    expect(packet.hints[0]).toEqual({
      profile: 'environment',
      reason: 'broadcasts temperature, humidity (BTHome v2)',
    });
  });

  it('has no metric with two types', () => {
    const types = new Map<string, string>();
    for (const object of BTHOME_OBJECTS.values()) {
      if (!('metric' in object)) continue;
      expect(types.get(object.metric) ?? object.kind, object.metric).toBe(object.kind);
      types.set(object.metric, object.kind);
    }
  });

  it('numbers what comes twice', () => {
    const packet = understood(decodeBthome, '40 02C409 02CA09 1001 1000');
    expect(values(packet)).toEqual({
      temperature: 25,
      temperature_2: 25.06,
      power_on: true,
      power_on_2: false,
    });
  });

  it('tells which of several buttons was pressed', () => {
    const packet = understood(decodeBthome, '44 0007 3A00 3A04 3C0203');
    expect(values(packet)).toEqual({ button_2: 'long_press', dimmer: 'rotate_right', dimmer_steps: 3 });
    expect(packet.attributes).toEqual({ bthome_trigger_based: true });
    expect(packet.isEvent).toBe(true);
    expect(packet.sequence).toBe(7);
  });

  it('says what the device is and runs', () => {
    const packet = understood(decodeBthome, '40 F00100 F100010204 F2000106');
    expect(packet.attributes).toEqual({ bthome_device_type: 1, bthome_firmware: '6.1.0' });
  });

  it('stops at an object it does not know and keeps what came before', () => {
    const packet = understood(decodeBthome, '40 0161 C7 0102030405');
    expect(values(packet)).toEqual({ battery: 97 });
    expect(packet.attributes).toEqual({ bthome_unknown_object: 0xc7 });
  });

  it('does not look into what is encrypted', () => {
    const packet = understood(decodeBthome, '41 a47266c95f73 00112233 78237214');
    expect(packet.readings).toEqual([]);
    expect(packet.attributes).toEqual({ bthome_encrypted: true });
  });

  it('refuses other versions, nothing at all, and text longer than the packet', () => {
    expect(refusal(decodeBthome, '20 0161')).toContain('version 1');
    expect(refusal(decodeBthome, '')).toContain('empty');
    expect(refusal(decodeBthome, '40 53FF4142')).toContain('0x53 cut');
    expect(refusal(decodeBthome, '40 02CA')).toContain('0x2 cut');
  });

  it('takes a packet without objects', () => {
    expect(decodeBthome(bytes('40'))).toMatchObject({ ok: true, value: { readings: [], hints: [] } });
  });
});
