import { describe, expect, it } from 'vitest';
import { decodeRuuvi } from './ruuvi.ts';
import { bytes, refusal, understood, values } from './testing.ts';

/** Vectors: https://docs.ruuvi.com/communication/bluetooth-advertisements, "Test vectors" of each format. */
describe('RuuviTag data format 3', () => {
  it('valid data', () => {
    expect(values(understood(decodeRuuvi, '03291A1ECE1EFC18F94202CA0B53'))).toEqual({
      temperature: 26.3,
      humidity: 20.5,
      pressure: 1027.66,
      acceleration_x: -1,
      acceleration_y: -1.726,
      acceleration_z: 0.714,
      battery_voltage: 2.899,
    });
  });

  it('largest and smallest values', () => {
    expect(values(understood(decodeRuuvi, '03FF7F63FFFF7FFF7FFF7FFFFFFF'))).toEqual({
      temperature: 127.99,
      humidity: 127.5,
      pressure: 1155.35,
      acceleration_x: 32.767,
      acceleration_y: 32.767,
      acceleration_z: 32.767,
      battery_voltage: 65.535,
    });
    expect(values(understood(decodeRuuvi, '0300FF6300008001800180010000'))).toEqual({
      temperature: -127.99,
      humidity: 0,
      pressure: 500,
      acceleration_x: -32.767,
      acceleration_y: -32.767,
      acceleration_z: -32.767,
      battery_voltage: 0,
    });
  });

  it('half a degree below zero keeps its sign', () => {
    expect(values(understood(decodeRuuvi, '032980321EFC18F94202CA0B5300'))['temperature']).toBe(-0.5);
  });

  it('a hundred hundredths are refused', () => {
    expect(refusal(decodeRuuvi, '03291A64CE1EFC18F94202CA0B53')).toContain('100 hundredths');
  });
});

describe('RuuviTag data format 5', () => {
  it('valid data', () => {
    const tag = understood(decodeRuuvi, '0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F');
    expect(values(tag)).toEqual({
      temperature: 24.3,
      humidity: 53.49,
      pressure: 1000.44,
      acceleration_x: 0.004,
      acceleration_y: -0.004,
      acceleration_z: 1.036,
      battery_voltage: 2.977,
      movement_counter: 66,
      measurement_sequence: 205,
    });
    expect(tag.identifiers).toEqual({ mac: 'cbb8334c884f' });
    expect(tag.attributes['ruuvi_tx_power_dbm']).toBe(4);
    expect(tag.sequence).toBe(205);
  });

  it('largest and smallest values', () => {
    const largest = understood(decodeRuuvi, '057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F');
    expect(values(largest)).toMatchObject({
      temperature: 163.835,
      humidity: 163.835,
      pressure: 1155.34,
      acceleration_x: 32.767,
      battery_voltage: 3.646,
      movement_counter: 254,
      measurement_sequence: 65_534,
    });
    expect(largest.attributes['ruuvi_tx_power_dbm']).toBe(20);
    const smallest = understood(decodeRuuvi, '058001000000008001800180010000000000CBB8334C884F');
    expect(values(smallest)).toMatchObject({
      temperature: -163.835,
      humidity: 0,
      pressure: 500,
      acceleration_z: -32.767,
      battery_voltage: 1.6,
      movement_counter: 0,
      measurement_sequence: 0,
    });
    expect(smallest.attributes['ruuvi_tx_power_dbm']).toBe(-40);
  });

  it('values the tag does not have are left out', () => {
    const tag = understood(decodeRuuvi, '058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF');
    expect(tag.readings).toEqual([]);
    expect(tag.identifiers).toBeUndefined();
    expect(tag.sequence).toBeUndefined();
    expect(tag.attributes).toEqual({ ruuvi_format: 5 });
  });

  it('other formats of the maker are left alone', () => {
    expect(decodeRuuvi(bytes('06170C5668C79E007000C90501D9FFCD004C884F'))).toBeUndefined();
  });
});
