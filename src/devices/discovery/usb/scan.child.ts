/** Prints what is plugged into this machine, one sighting a line; run by umockdev.test.ts on a machine made up. */
import { systemClock } from '../../../base/clock.ts';
import { UsbScanner } from './usb-scanner.ts';

const scanner = new UsbScanner({ clock: systemClock });
const condition = await scanner.start((sighting) => process.stdout.write(`${JSON.stringify(sighting)}\n`));
await scanner.stop();
process.stdout.write(`${JSON.stringify(condition)}\n`);
