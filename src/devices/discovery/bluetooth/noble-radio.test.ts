import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { Sighting } from '../../../model/discovery.ts';
import { unavailable } from '../scanner.ts';
import { BluetoothScanner } from './bluetooth-scanner.ts';
import { NobleRadio } from './noble-radio.ts';
import { Bluez, noBluez } from './test-bluez.ts';

const BUS = 'DBUS_SYSTEM_BUS_ADDRESS';
const nobody = (): void => undefined;

describe('NobleRadio without an adapter', () => {
  it('says so, and starts nothing', async () => {
    const radio = new NobleRadio({ hasAdapter: () => false });
    expect(await radio.open(nobody)).toEqual(unavailable('no Bluetooth adapter'));
    await radio.close();
    expect(radio.condition).toEqual({ state: 'stopped' });
  });

  it('outlives a D-Bus that is not there', async () => {
    vi.stubEnv(BUS, 'unix:path=/nowhere/bus');
    const radio = new NobleRadio({ hasAdapter: () => true });
    const condition = await radio.open(nobody);
    expect(condition.state).toBe('unavailable');
    await radio.close();
    vi.unstubAllEnvs();
  });
});

describe.skipIf(noBluez !== undefined && process.env['CI'] !== 'true')(
  `BluetoothScanner on BlueZ${noBluez === undefined ? '' : ` (${noBluez})`}`,
  () => {
    let bluez: Bluez;
    let scanner: BluetoothScanner;
    let seen: Sighting[];

    beforeEach(async () => {
      bluez = await Bluez.start();
      vi.stubEnv(BUS, bluez.address);
      seen = [];
      scanner = new BluetoothScanner({
        clock: systemClock,
        logger: silentLogger,
        radio: new NobleRadio({ hasAdapter: () => true }),
      });
    });

    afterEach(async () => {
      await scanner.stop();
      await bluez[Symbol.asyncDispose]();
      vi.unstubAllEnvs();
    });

    it('has no adapter until there is one that is switched on', async () => {
      const start = () => scanner.start((sighting) => seen.push(sighting));
      expect(await start()).toEqual(unavailable('no Bluetooth adapter'));
      await bluez.adapter();
      await bluez.power(false);
      expect(await start()).toEqual(unavailable('the Bluetooth adapter is switched off'));
      await bluez.power(true);
      expect(await start()).toEqual({ state: 'running' });
    });

    it('hears devices that were there before and that come, and what they say next', async () => {
      await bluez.adapter();
      await bluez.device('A4:C1:38:00:00:01', 'early');
      await scanner.start((sighting) => seen.push(sighting));
      await bluez.device('A4:C1:38:00:00:02', 'late');
      await vi.waitFor(() => expect(seen.flatMap(({ names }) => names)).toEqual(['early', 'late']), 5_000);
      // Until the library watches the device nobody hears it: real ones repeat themselves.
      await vi.waitFor(async () => {
        await bluez.advertise(
          'A4:C1:38:00:00:02',
          {},
          { '0000fcd2-0000-1000-8000-00805f9b34fb': '4002C40903BF13' },
          -61,
        );
        const heard = seen.at(-1);
        expect(heard?.signalDbm).toBe(-61);
        expect(heard?.readings?.map(({ metric, value }) => [metric, value])).toEqual([
          ['temperature', 25],
          ['humidity', 50.55],
        ]);
      }, 5_000);
    });

    it('reads the data of a company', async () => {
      await bluez.adapter();
      await scanner.start((sighting) => seen.push(sighting));
      await bluez.device('CB:B8:33:4C:88:4F', 'Ruuvi 884F');
      await vi.waitFor(async () => {
        await bluez.advertise('CB:B8:33:4C:88:4F', { '0499': '03291A1ECE1EFC18F94202CA0B53' }, {}, -70);
        expect(seen.at(-1)?.attributes).toMatchObject({ temperature: 26.3, ruuvi_format: 3 });
      }, 5_000);
    });

    it('notices that the adapter is switched off', async () => {
      await bluez.adapter();
      await scanner.start((sighting) => seen.push(sighting));
      await bluez.power(false);
      await vi.waitFor(
        async () =>
          expect(await scanner.scan()).toEqual(unavailable('the Bluetooth adapter is switched off')),
        5_000,
      );
    });

    it('outlives the end of the D-Bus', async () => {
      await bluez.adapter();
      await scanner.start((sighting) => seen.push(sighting));
      await bluez[Symbol.asyncDispose]();
      await scanner.stop();
      expect((await scanner.start((sighting) => seen.push(sighting))).state).toBe('unavailable');
    });
  },
);
