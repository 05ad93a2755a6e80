/** Every scanner there is; each is loaded when it is first started, so that a start pays for none of them. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { parseRange, systemLinks } from './network/ranges.ts';
import type { Scanner } from './scanner.ts';
import type { ScannerSource } from './scanner-run.ts';
import type { DiscoverySettings, ScannerName } from './settings.ts';

interface SourceOptions {
  readonly settings: DiscoverySettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function scannerSources({ settings, clock, logger }: SourceOptions): readonly ScannerSource[] {
  const links = systemLinks;
  const ranges = settings.ranges.map(parseRange).filter((range) => range !== undefined);
  const loaders: Readonly<Record<ScannerName, () => Promise<Scanner>>> = {
    mdns: async () => new (await import('./network/mdns-scanner.ts')).MdnsScanner({ links, clock }),
    ssdp: async () => new (await import('./network/ssdp-scanner.ts')).SsdpScanner({ links, clock, logger }),
    neighbours: async () => new (await import('./network/neighbour-scanner.ts')).NeighbourScanner({ clock }),
    probe: async () => new (await import('./network/probe-scanner.ts')).ProbeScanner({ ranges, clock }),
    modbus: async () => new (await import('./network/modbus-scanner.ts')).ModbusScanner({ ranges, clock }),
    usb: async () => new (await import('./usb/usb-scanner.ts')).UsbScanner({ clock }),
    bluetooth: async () =>
      new (await import('./bluetooth/bluetooth-scanner.ts')).BluetoothScanner({ clock, logger }),
  };
  return settings.scanners.map((name) => ({ name, load: loaders[name] }));
}
