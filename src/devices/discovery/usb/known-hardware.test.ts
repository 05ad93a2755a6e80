import { describe, expect, it } from 'vitest';
import { roleOf } from './known-hardware.ts';
import type { UsbDevice } from './usb-device.ts';
import { loadUsbNames } from './usb-names.ts';

const device = (id: string, product?: string, parts: Partial<UsbDevice> = {}): UsbDevice => {
  const [vendorId = '', productId = ''] = id.split(':');
  return {
    vendorId,
    productId,
    socket: '1-1',
    deviceNumber: 2,
    product,
    classes: [],
    drivers: [],
    serialPorts: [],
    ...parts,
  };
};

/** As the devices name themselves. */
const KNOWN: readonly (readonly [role: string, id: string, product?: string, manufacturer?: string])[] = [
  ['zigbee-coordinator', '1cf1:0030', 'ConBee II'],
  ['zigbee-coordinator', '0403:6015', 'ConBee III', 'dresden elektronik'],
  ['zigbee-coordinator', '10c4:ea60', 'Sonoff Zigbee 3.0 USB Dongle Plus', 'Silicon Labs'],
  ['zigbee-coordinator', '1a86:55d4', 'SONOFF Zigbee 3.0 USB Dongle Plus V2', 'ITEAD'],
  ['zigbee-coordinator', '10c4:ea60', 'SkyConnect v1.0', 'Nabu Casa'],
  ['zigbee-coordinator', '303a:831a', 'ZBT-2', 'Nabu Casa'],
  ['zigbee-coordinator', '10c4:ea60', 'SMLIGHT SLZB-06', 'Silicon Labs'],
  ['zigbee-coordinator', '0451:16a8', 'TI CC2531 USB CDC'],
  ['zwave-controller', '0658:0200'],
  ['zwave-controller', '10c4:ea60', 'Zooz 800 Z-Wave Stick', 'Silicon Labs'],
  ['zwave-controller', '303a:4001', 'ZWA-2', 'Nabu Casa'],
  ['thread-radio', '1915:cafe', 'nRF528xx OpenThread Device', 'Nordic Semiconductor'],
  ['enocean-radio', '0403:6001', 'EnOcean USB 300 DC', 'EnOcean GmbH'],
  ['lora-radio', '239a:8029', 'WisCore RAK4631 Board', 'RAKwireless'],
  ['rf-receiver', '0403:6001', 'RFXtrx433', 'RFXCOM'],
  ['rf-receiver', '0bda:2838', 'RTL2838UHIDIR', 'Realtek'],
  ['thermometer', '0c45:7401', 'TEMPerV1.4', 'RDing'],
  ['co2-meter', '04d9:a052', 'USB-zyTemp', 'Holtek'],
  ['ups', '051d:0002', 'Back-UPS ES 700G', 'American Power Conversion'],
  ['gnss-receiver', '1546:01a7', 'u-blox 7 - GPS/GNSS Receiver', 'u-blox AG'],
  ['development-board', '2e8a:0005', 'Pico', 'MicroPython'],
];

describe('roles of USB hardware', () => {
  it.each(KNOWN)('%s: %s %s', (role, id = '', product, manufacturer) => {
    expect(roleOf(device(id, product, { manufacturer }), product)?.role).toBe(role);
  });

  it('a serial chip without a name is a serial adapter once it has a port', () => {
    const names = ['CP210x UART Bridge', 'USB Serial'];
    for (const name of names) {
      expect(roleOf(device('10c4:ea60', name), name)).toBeUndefined();
      expect(roleOf(device('10c4:ea60', name, { serialPorts: ['/dev/ttyUSB0'] }), name)?.role).toBe(
        'serial-adapter',
      );
    }
  });

  it('a Bluetooth adapter is known by its driver', () => {
    const adapter = device('0a12:0001', undefined, { classes: ['e0'], drivers: ['btusb'] });
    expect(roleOf(adapter, 'Bluetooth Dongle (HCI mode)')).toMatchObject({
      role: 'bluetooth-adapter',
      title: 'Bluetooth adapter (Bluetooth Dongle (HCI mode))',
      hints: [],
    });
  });

  it('keyboards, cameras and disks have no role', () => {
    for (const name of ['USB Keyboard', 'HD Pro Webcam C920', 'Ultra Fit', 'Cups and saucers', 'Calculator'])
      expect(roleOf(device('046d:0001', name), name), name).toBeUndefined();
  });

  it('a sensor is suggested the profile that fits it, a radio the open one, with the reason', () => {
    expect(roleOf(device('0c45:7401'), undefined)?.hints).toEqual([
      { profile: 'environment', reason: 'USB thermometer (TEMPer): it measures temperature or humidity' },
    ]);
    expect(roleOf(device('0658:0200'), undefined)?.hints[0]?.profile).toBe('open');
  });
});

describe('the shipped list of names', () => {
  it('knows vendors, and products of the kinds that matter here', async () => {
    const names = await loadUsbNames();
    expect(names.vendorName('10c4')).toBe('Silicon Labs');
    expect(names.productName('1cf1', '0030')).toContain('ConBee II');
    expect(names.productName('1a86', '7523')).toBe('CH340 serial converter');
    expect(names.vendorName('ffff')).toBeUndefined();
    expect(names.productName('10c4', 'ffff')).toBeUndefined();
  });
});
