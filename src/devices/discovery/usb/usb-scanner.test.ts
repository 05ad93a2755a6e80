import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../../base/clock.ts';
import { SYSFS_ATTRIBUTE_MAX_CHARS, USB_REPEAT_MS, USB_SETTLE_MS } from '../../../base/limits.ts';
import type { Sighting } from '../../../model/discovery.ts';
import { RUNNING, unavailable } from '../scanner.ts';
import { systemHotPlug } from './hot-plug.ts';
import { UsbTree } from './testing.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbScanner } from './usb-scanner.ts';

const CONBEE = {
  id: '1cf1:0030',
  manufacturer: 'dresden elektronik ingenieurtechnik GmbH',
  product: 'ConBee II',
  serial: 'DE2132111',
  interfaceClass: '02',
  driver: 'cdc_acm',
} as const;
const BY_ID = 'usb-dresden_elektronik_ingenieurtechnik_GmbH_ConBee_II_DE2132111-if00';

describe('UsbScanner', () => {
  let tree: UsbTree;
  let clock: ManualClock;
  let scanner: UsbScanner;
  let seen: Sighting[];
  let plugEvent: (() => void) | undefined;
  let watches: number;

  beforeEach(() => {
    tree = new UsbTree();
    clock = new ManualClock();
    seen = [];
    watches = 0;
    scanner = new UsbScanner({
      clock,
      roots: tree.roots,
      hotPlug: async (changed) => {
        watches += 1;
        plugEvent = changed;
        return {
          async [Symbol.asyncDispose]() {
            watches -= 1;
          },
        };
      },
    });
  });

  afterEach(async () => {
    await scanner.stop();
    tree[Symbol.dispose]();
  });

  const start = () => scanner.start((sighting) => void seen.push(sighting));

  it('reports a Zigbee stick with its lasting serial port, role and profile', async () => {
    tree.plug('1-1.4', { ...CONBEE, terminal: 'ttyACM0', byId: BY_ID });
    expect(await start()).toEqual(RUNNING);
    const port = join(tree.roots.dev, 'serial/by-id', BY_ID);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      scanner: 'usb',
      identifiers: { serial: 'DE2132111' },
      names: ['ConBee II', 'Zigbee coordinator (ConBee II)'],
      manufacturer: CONBEE.manufacturer,
      model: 'ConBee II',
      services: ['usb:1cf1:0030', `serial:${port}`],
      attributes: {
        role: 'zigbee-coordinator',
        serial_ports: port,
        usb_drivers: 'cdc_acm',
        usb_classes: 'communications',
        usb_speed_mbps: 12,
      },
      evidence: 'USB device 1cf1:0030 in socket 1-1.4',
      hints: [{ profile: 'open' }],
      ts: clock.now(),
    });
    expect(seen[0]?.hints?.[0]?.reason).toContain('Zigbee2MQTT');
  });

  it('names what does not name itself, and knows it by its socket where its serial says nothing', async () => {
    tree.plug('1-2', { id: '0403:6001', serial: '0001', driver: 'ftdi_sio', terminal: 'ttyUSB0' });
    await start();
    expect(seen[0]).toMatchObject({
      identifiers: { port: 'usb:1-2/0403:6001' },
      manufacturer: 'Future Technology Devices International, Ltd',
      model: 'FT232 Serial (UART) IC',
      services: ['usb:0403:6001', `serial:${join(tree.roots.dev, 'ttyUSB0')}`],
      attributes: { role: 'serial-adapter' },
    });
  });

  it('leaves hubs out', async () => {
    tree.plug('1-1', { id: '05e3:0608', deviceClass: '09', product: 'Hub' });
    await start();
    expect(seen).toEqual([]);
  });

  it('reports a device plugged in later once, at the event or at the next look', async () => {
    await start();
    tree.plug('1-1', CONBEE);
    plugEvent?.();
    await scanner.scan();
    tree.plug('1-2', { id: '0451:16a8', product: 'CC2531 USB Dongle' });
    await scanner.scan();
    await scanner.scan();
    expect(seen.map(({ attributes }) => attributes['usb_socket'])).toEqual(['1-1', '1-2']);
  });

  it('reports again when the driver has made the serial port', async () => {
    tree.plug('1-1', CONBEE);
    await start();
    clock.advance(USB_SETTLE_MS - 1);
    tree.terminal('1-1', 'ttyACM3');
    await scanner.scan();
    expect(seen).toHaveLength(2);
    expect(seen[1]?.attributes['serial_ports']).toBe(join(tree.roots.dev, 'ttyACM3'));
  });

  it('takes another device in the same socket for another one, plugged over between two looks', async () => {
    tree.plug('1-1', CONBEE);
    await start();
    tree.pull('1-1');
    tree.plug('1-1', { id: '10c4:ea60', manufacturer: 'Nabu Casa', product: 'SkyConnect v1.0' });
    await scanner.scan();
    expect(seen.map(({ model }) => model)).toEqual(['ConBee II', 'SkyConnect v1.0']);
    expect(seen[1]?.attributes['role']).toBe('zigbee-coordinator');
  });

  it('says now and then that what stays plugged in is still there', async () => {
    tree.plug('1-1', CONBEE);
    await start();
    clock.advance(USB_REPEAT_MS - 1);
    await scanner.scan();
    expect(seen).toHaveLength(1);
    clock.advance(1);
    await scanner.scan();
    expect(seen).toHaveLength(2);
  });

  it('reads a hostile device within its bounds, and one half there not at all', async () => {
    tree.plug('1-1', { id: 'dead:beef', product: 'x'.repeat(100_000), manufacturer: '\u0007<b>\u202e' });
    tree.plug('1-2', CONBEE);
    tree.pull('1-2');
    tree.write('1-2', 'devnum', '9');
    await start();
    expect(seen).toHaveLength(1);
    expect(seen[0]?.model?.length).toBe(SYSFS_ATTRIBUTE_MAX_CHARS);
  });

  it('is unavailable without a USB tree, and watches nothing', async () => {
    tree[Symbol.dispose]();
    expect(await start()).toEqual(unavailable('no USB on this machine'));
    expect(watches).toBe(0);
  });

  it('says so when the tree goes', async () => {
    tree.plug('1-1', CONBEE);
    await start();
    tree[Symbol.dispose]();
    expect(await scanner.scan()).toEqual(unavailable('no USB on this machine'));
  });

  it('stops watching, and reports nothing after its stop', async () => {
    await start();
    expect(watches).toBe(1);
    const late = plugEvent;
    await scanner.stop();
    expect(watches).toBe(0);
    tree.plug('1-1', CONBEE);
    late?.();
    await scanner.scan();
    expect(seen).toEqual([]);
  });

  it('asks a library where the kernel shows no tree', async () => {
    const device: UsbDevice = {
      vendorId: '1cf1',
      productId: '0030',
      socket: '20-2',
      deviceNumber: 5,
      product: 'ConBee II',
      serial: 'DE2132111',
      classes: ['02'],
      drivers: [],
      serialPorts: ['/dev/cu.usbmodemDE21321111'],
    };
    let plugged: readonly UsbDevice[] = [device];
    const elsewhere = new UsbScanner({
      clock,
      roots: { sys: '/nowhere', dev: '/nowhere' },
      hotPlug: async () => undefined,
      list: async () => plugged,
    });
    expect(await elsewhere.start((sighting) => void seen.push(sighting))).toEqual(RUNNING);
    await elsewhere.scan();
    expect(seen.map(({ services }) => services)).toEqual([
      ['usb:1cf1:0030', 'serial:/dev/cu.usbmodemDE21321111'],
    ]);
    plugged = [];
    await elsewhere.scan();
    plugged = [device];
    await elsewhere.scan();
    expect(seen).toHaveLength(2);
    await elsewhere.stop();
  });
});

describe('systemHotPlug', () => {
  it('watches or does not, and never throws', async () => {
    const watch = await systemHotPlug(() => undefined);
    await watch?.[Symbol.asyncDispose]();
  });
});
