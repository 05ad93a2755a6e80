import { describe, expect, it } from 'vitest';
import { decodeEddystone } from './eddystone.ts';
import { decodeIBeacon } from './ibeacon.ts';
import { bytes, refusal, understood, values } from './testing.ts';

describe('iBeacon', () => {
  it('gives UUID, major and minor as one identity', () => {
    // The UUID of Apple's AirLocate sample.
    const beacon = understood(decodeIBeacon, '0215 e2c56db5dffb48d2b060d0f5a71096e0 0102 fffe c5');
    expect(beacon.identifiers).toEqual({ uuid: 'e2c56db5-dffb-48d2-b060-d0f5a71096e0/258/65534' });
    expect(beacon.attributes).toEqual({
      ibeacon_uuid: 'e2c56db5-dffb-48d2-b060-d0f5a71096e0',
      ibeacon_major: 258,
      ibeacon_minor: 65534,
      ibeacon_power_at_1m_dbm: -59,
    });
  });

  it("leaves Apple's other messages alone", () => {
    expect(decodeIBeacon(bytes('1005 0318 1a2b'))).toBeUndefined();
    expect(decodeIBeacon(bytes(''))).toBeUndefined();
  });

  it('refuses a length that is none of its own', () => {
    expect(refusal(decodeIBeacon, '0214 e2c56db5dffb48d2b060d0f5a71096e0 0001 0002')).toContain('length 20');
  });
});

describe('Eddystone', () => {
  it('UID: namespace and instance are the identity, also without the two reserved bytes', () => {
    const uid = understood(decodeEddystone, '00ee 00010203040506070809 0a0b0c0d0e0f');
    expect(uid.identifiers).toEqual({ uuid: '00010203040506070809/0a0b0c0d0e0f' });
    // "The value 0xEE is interpreted as -18dBm".
    expect(uid.attributes['eddystone_power_at_0m_dbm']).toBe(-18);
  });

  it('URL: scheme and endings are spelled out', () => {
    // The example of the specification: https://goo.gl/Aq18zF
    const url = understood(decodeEddystone, '10 12 03 676f6f2e676c2f 4171 3138 7a46');
    expect(url.attributes['eddystone_url']).toBe('https://goo.gl/Aq18zF');
    expect(url.attributes['eddystone_power_at_0m_dbm']).toBe(18);
    expect(understood(decodeEddystone, '10 00 00 6578616d706c65 00 61').attributes['eddystone_url']).toBe(
      'http://www.example.com/a',
    );
    expect(understood(decodeEddystone, '10 00 01 61 0d').attributes['eddystone_url']).toBe(
      'https://www.a.gov',
    );
  });

  it('URL: reserved bytes and unknown schemes are refused', () => {
    expect(refusal(decodeEddystone, '10 00 03 61 0e')).toContain('reserved byte 14');
    expect(refusal(decodeEddystone, '10 00 03 61 20')).toContain('reserved byte 32');
    expect(refusal(decodeEddystone, '10 00 03 61 ff')).toContain('reserved byte 255');
    expect(refusal(decodeEddystone, '10 00 04 61')).toContain('scheme 4');
  });

  it('TLM: battery, temperature and counters', () => {
    const tlm = understood(decodeEddystone, '2000 0bb8 1580 00000064 000003e9');
    expect(values(tlm)).toEqual({
      battery_voltage: 3,
      temperature: 21.5,
      advertisements: 100,
      uptime: 100.1,
    });
    expect(tlm.sequence).toBe(100);
    expect(values(understood(decodeEddystone, '2000 0bb8 ff80 00000001 00000001'))['temperature']).toBe(-0.5);
  });

  it('TLM: what the beacon does not support is left out', () => {
    const tlm = understood(decodeEddystone, '2000 0000 8000 00000001 0000000a');
    expect(values(tlm)).toEqual({ advertisements: 1, uptime: 1 });
  });

  it('names what is encrypted and ignores reserved frames', () => {
    expect(understood(decodeEddystone, '2001 000000000000000000000000 0000 0000').readings).toEqual([]);
    expect(understood(decodeEddystone, '30 ee 0102030405060708').label).toBe('Eddystone-EID');
    expect(decodeEddystone(bytes('40 00'))).toBeUndefined();
    expect(refusal(decodeEddystone, '2002')).toContain('version 2');
  });
});
