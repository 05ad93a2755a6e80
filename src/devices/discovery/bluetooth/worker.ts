/**
 * The Bluetooth thread: lets `@stoprocent/noble` scan and posts what it hears. An error nobody caught ends this thread,
 * which is how the other side learns of it.
 */
import { parentPort } from 'node:worker_threads';
import type { Noble, Peripheral } from '@stoprocent/noble';
import { invariant } from '../../../base/invariant.ts';
import type { Advertisement, CompanyData } from './advertisement.ts';
import type { RadioMessage } from './noble-radio.ts';

invariant(parentPort !== null, 'the Bluetooth thread was not started as one');
const port = parentPort;
const post = (message: RadioMessage): void => port.postMessage(message);
const unavailable = (reason: string): void => post({ kind: 'condition', reason });

const REASONS: Readonly<Record<string, string>> = {
  unsupported: 'no Bluetooth adapter',
  poweredOff: 'the Bluetooth adapter is switched off',
  unauthorized: 'no right to use the Bluetooth adapter',
};

async function load(): Promise<Noble | undefined> {
  // Read by the library as it loads: else it opens a raw socket beside BlueZ, which needs a native package and root.
  if (process.platform === 'linux') process.env['NOBLE_BINDINGS'] = 'dbus';
  try {
    const { withBindings } = await import('@stoprocent/noble');
    return withBindings('default');
  } catch {
    unavailable('the package @stoprocent/noble is not installed');
    return undefined;
  }
}

function listen(noble: Noble): void {
  // The library's own listener writes to the console.
  noble.removeAllListeners('warning');
  noble.on('warning', (warning: string) => {
    if (/startScanning failed/.test(warning)) unavailable(warning);
  });
  noble.on('discover', (peripheral) => post({ kind: 'heard', advertisement: advertisementOf(peripheral) }));
  noble.on('scanStart', () => post({ kind: 'condition' }));
  noble.on('stateChange', (state) => {
    if (state === 'poweredOn') noble.startScanning([], true);
    else unavailable(REASONS[state] ?? `the Bluetooth adapter is ${state}`);
  });
  port.on('message', () => {
    noble.stop();
    port.close();
  });
}

function advertisementOf({ address, addressType, advertisement, rssi }: Peripheral): Advertisement {
  // Declared as always there; the bindings leave out what was not sent.
  const { localName, txPowerLevel, manufacturerData, serviceData, serviceUuids } = advertisement as Partial<
    Peripheral['advertisement']
  >;
  return {
    address,
    addressType: addressType === 'public' || addressType === 'random' ? addressType : 'unknown',
    name: localName === '' ? undefined : localName,
    // 0 and 127 stand for "not known" [Core Specification 5.4, Vol 4, Part E, 7.7.65.2].
    rssiDbm: rssi === 0 || rssi === 127 ? undefined : rssi,
    txPowerDbm: txPowerLevel,
    manufacturerData: companyData(manufacturerData),
    serviceData: (serviceData ?? []).map(({ uuid, data }) => ({ uuid, data: new Uint8Array(data) })),
    serviceUuids: serviceUuids ?? [],
  };
}

/** Several companies' data come run together; only where the first ends is not said. Decoders ignore what follows. */
const companyData = (bytes: Buffer | undefined): readonly CompanyData[] =>
  bytes === undefined || bytes.length < 2
    ? []
    : [{ company: bytes.readUInt16LE(0), data: new Uint8Array(bytes.subarray(2)) }];

const noble = await load();
if (noble !== undefined) {
  listen(noble);
  try {
    // The first look at the state starts the bindings.
    void noble.state;
  } catch (cause) {
    unavailable(cause instanceof Error ? cause.message : String(cause));
  }
}
