import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../base/clock.ts';
import {
  BLE_ADDRESSES_MAX,
  BLE_REFUSALS_LOGGED_MAX,
  BLE_REPEAT_MS,
  BLE_SILENCE_MAX_MS,
  BLE_TRACKED_MAX,
} from '../../../base/limits.ts';
import { type Logger, silentLogger } from '../../../base/logger.ts';
import type { ScannerCondition, Sighting } from '../../../model/discovery.ts';
import { RUNNING, unavailable } from '../scanner.ts';
import type { Advertisement } from './advertisement.ts';
import { BluetoothScanner } from './bluetooth-scanner.ts';
import { AdvertisementMemory } from './memory.ts';
import type { Radio } from './radio.ts';
import { advertisement, bytes } from './testing.ts';

class FakeRadio implements Radio {
  condition: ScannerCondition = RUNNING;
  opened = 0;
  heard: (advertisement: Advertisement) => void = () => undefined;

  async open(heard: (advertisement: Advertisement) => void): Promise<ScannerCondition> {
    this.opened += 1;
    this.heard = heard;
    return this.condition;
  }

  async close(): Promise<void> {
    this.heard = () => undefined;
  }
}

const RUUVI_DATA = '0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F';
const ruuvi = (data: string): Partial<Advertisement> => ({
  address: 'CB:B8:33:4C:88:4F',
  addressType: 'random',
  manufacturerData: [{ company: 0x0499, data: bytes(data) }],
});
const bthome = (data: string): Partial<Advertisement> => ({
  serviceData: [{ uuid: 'fcd2', data: bytes(data) }],
});

describe('BluetoothScanner', () => {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
  let clock: ManualClock;
  let radio: FakeRadio;
  let scanner: BluetoothScanner;
  let seen: Sighting[];
  const hear = (parts: Partial<Advertisement>): void => radio.heard(advertisement(parts));
  const readings = (): unknown =>
    seen.map((each) => each.readings?.map(({ metric, value }) => [metric, value]));

  beforeEach(async () => {
    warnings.length = 0;
    clock = new ManualClock();
    radio = new FakeRadio();
    seen = [];
    scanner = new BluetoothScanner({ clock, logger, radio });
    expect(await scanner.start((sighting) => seen.push(sighting))).toEqual(RUNNING);
  });

  it('reports a RuuviTag with its maker, values, profile and the address that stays its own', () => {
    hear({ ...ruuvi(RUUVI_DATA), name: 'Ruuvi 884F', rssiDbm: -67 });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      scanner: 'bluetooth',
      identifiers: { mac: 'cbb8334c884f', port: 'bluetooth:cb:b8:33:4c:88:4f' },
      names: ['Ruuvi 884F'],
      manufacturer: 'Ruuvi Innovations',
      model: 'RuuviTag',
      signalDbm: -67,
      evidence: 'advertises RuuviTag data format 5',
      hints: [{ profile: 'environment' }],
      attributes: { temperature: 24.3, ruuvi_format: 5 },
      ts: clock.now(),
    });
    expect(seen[0]?.readings).toContainEqual({
      metric: 'temperature',
      value: 24.3,
      unit: 'Cel',
      ts: clock.now(),
    });
  });

  it('names company and services of what no decoder reads', () => {
    hear({
      name: 'A4-C1-38-01-02-03',
      manufacturerData: [{ company: 0x0ba9, data: bytes('01') }],
      serviceUuids: ['180f', '6e400001b5a3f393e0a9e50e24dcca9e'],
    });
    expect(seen[0]).toMatchObject({
      identifiers: { mac: 'a4:c1:38:01:02:03' },
      names: [],
      manufacturer: 'Allterco Robotics ltd',
      services: ['bluetooth:180f', 'bluetooth:6e400001b5a3f393e0a9e50e24dcca9e'],
      attributes: { bluetooth_services: 'Battery' },
      evidence: 'advertises over Bluetooth LE',
    });
  });

  it('does not take a phone for a device, but an iBeacon it sends', () => {
    hear({ address: '5a:00:00:00:00:01', addressType: 'random' });
    hear({ address: '0a:00:00:00:00:01', addressType: 'random' });
    expect(seen).toEqual([]);
    hear({
      address: '5a:00:00:00:00:02',
      addressType: 'random',
      manufacturerData: [
        { company: 0x004c, data: bytes('0215 e2c56db5dffb48d2b060d0f5a71096e0 0001 0002 c5') },
      ],
    });
    expect(seen[0]?.identifiers).toEqual({ uuid: 'e2c56db5-dffb-48d2-b060-d0f5a71096e0/1/2' });
    expect(seen[0]?.manufacturer).toBeUndefined();
  });

  it('passes the same words on only now and then, and a counted measurement once', () => {
    hear(ruuvi(RUUVI_DATA));
    clock.advance(BLE_REPEAT_MS - 1);
    hear({ ...ruuvi(RUUVI_DATA), rssiDbm: -70 });
    expect(seen).toHaveLength(1);
    clock.advance(1);
    hear({ ...ruuvi(RUUVI_DATA), rssiDbm: -70 });
    expect(seen).toHaveLength(2);
    expect(seen[1]?.readings).toEqual([]);
    clock.advance(1_000);
    hear(ruuvi(RUUVI_DATA.replace('00CD', '00CE')));
    expect(seen[2]?.readings).not.toEqual([]);
  });

  it('counts a value without a counter again, a press of a button not', () => {
    hear(bthome('40 02C409'));
    clock.advance(BLE_REPEAT_MS);
    hear(bthome('40 02C409'));
    expect(readings()).toEqual([[['temperature', 25]], [['temperature', 25]]]);
    hear({ ...bthome('44 3A01'), address: 'a4:c1:38:00:00:09' });
    clock.advance(BLE_REPEAT_MS);
    hear({ ...bthome('44 3A01'), address: 'a4:c1:38:00:00:09' });
    expect(readings()).toEqual([[['temperature', 25]], [['temperature', 25]], [['button', 'press']], []]);
  });

  it('passes at most ten changes a second of one device', () => {
    for (let i = 0; i < 1_000; i += 1) {
      hear(bthome(`40 09${(i % 256).toString(16).padStart(2, '0')}`));
      clock.advance(10);
    }
    expect(seen).toHaveLength(100);
  });

  it('shows a malformed payload as seen, without values, and logs it once', () => {
    for (let i = 0; i < 5; i += 1) {
      hear(bthome(`40 020${i}`));
      clock.advance(BLE_REPEAT_MS);
    }
    expect(seen).toHaveLength(5);
    expect(seen[0]?.readings).toEqual([]);
    expect(seen[0]?.attributes['bluetooth_refused']).toBe('bthome: object 0x2 cut at byte 3');
    expect(warnings).toHaveLength(1);
  });

  it('does not fill the log from addresses made up', () => {
    for (let i = 0; i < BLE_REFUSALS_LOGGED_MAX + 50; i += 1)
      hear({ ...bthome('40 02'), address: `a4:c1:38:00:${hex2(i >> 8)}:${hex2(i)}` });
    expect(warnings).toHaveLength(BLE_REFUSALS_LOGGED_MAX);
  });

  it('begins anew after a long silence, and when it has heard too many addresses', async () => {
    clock.advance(BLE_SILENCE_MAX_MS);
    await scanner.scan();
    expect(radio.opened).toBe(1);
    clock.advance(1);
    await scanner.scan();
    expect(radio.opened).toBe(2);
    for (let i = 0; i <= BLE_ADDRESSES_MAX; i += 1)
      hear({ address: `5a:00:00:00:${hex2(i >> 8)}:${hex2(i)}`, addressType: 'random' });
    await scanner.scan();
    expect(radio.opened).toBe(3);
    await scanner.scan();
    expect(radio.opened).toBe(3);
  });

  it('says when the adapter has gone, and hears nothing after its stop', async () => {
    radio.condition = unavailable('no Bluetooth adapter');
    expect(await scanner.scan()).toEqual({ state: 'unavailable', reason: 'no Bluetooth adapter' });
    const { heard } = radio;
    await scanner.stop();
    heard(advertisement(ruuvi(RUUVI_DATA)));
    expect(seen).toEqual([]);
  });
});

describe('AdvertisementMemory', () => {
  it('is bounded whatever flies by', () => {
    const memory = new AdvertisementMemory();
    for (let i = 0; i < BLE_TRACKED_MAX * 2; i += 1)
      memory.hear(advertisement({ address: `a4:c1:38:00:${hex2(i >> 8)}:${hex2(i)}` }), [], i);
    expect(memory.size).toBe(BLE_TRACKED_MAX);
  });
});

const hex2 = (n: number): string => (n & 0xff).toString(16).padStart(2, '0');
