/**
 * Listens to Bluetooth LE advertisements and reports who sends them, with the values they carry. Connects to nothing,
 * asks nothing: whoever does not advertise is not seen.
 */
import type { Clock } from '../../../base/clock.ts';
import {
  BLE_ADDRESSES_MAX,
  BLE_PACE_MS,
  BLE_REFUSALS_LOGGED_MAX,
  BLE_SILENCE_MAX_MS,
} from '../../../base/limits.ts';
import type { Logger } from '../../../base/logger.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import type { SensoriumError } from '../../../model/errors.ts';
import type { Scanner, SightingSink } from '../scanner.ts';
import type { Advertisement, Decoded } from './advertisement.ts';
import { type AssignedNumbers, loadAssignedNumbers } from './assigned-numbers.ts';
import { decode } from './decode.ts';
import { AdvertisementMemory } from './memory.ts';
import { NobleRadio } from './noble-radio.ts';
import type { Radio } from './radio.ts';
import { sightingOf } from './sighting-of.ts';

export interface BluetoothScannerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: the adapter of this machine. */
  readonly radio?: Radio | undefined;
}

export class BluetoothScanner implements Scanner {
  readonly name = 'bluetooth';
  readonly paceMs = BLE_PACE_MS;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #radio: Radio;
  readonly #memory = new AdvertisementMemory();
  /** Device and format of refusals that were logged. */
  readonly #logged = new Set<string>();
  /** Since the radio was opened. */
  readonly #addresses = new Set<string>();
  #names: AssignedNumbers | undefined;
  #sink: SightingSink = () => undefined;
  #lastHeardAt = 0;

  constructor(options: BluetoothScannerOptions) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#radio = options.radio ?? new NobleRadio();
  }

  async start(sink: SightingSink): Promise<ScannerCondition> {
    this.#names ??= await loadAssignedNumbers();
    this.#sink = sink;
    return this.#open();
  }

  async scan(): Promise<ScannerCondition> {
    if (this.#radio.condition.state === 'unavailable') return this.#radio.condition;
    const silence = this.#clock.monotonic() - this.#lastHeardAt;
    if (silence <= BLE_SILENCE_MAX_MS && this.#addresses.size <= BLE_ADDRESSES_MAX)
      return this.#radio.condition;
    await this.#radio.close();
    return this.#open();
  }

  async stop(): Promise<void> {
    this.#sink = () => undefined;
    await this.#radio.close();
    this.#memory.clear();
    this.#addresses.clear();
  }

  async #open(): Promise<ScannerCondition> {
    this.#addresses.clear();
    this.#lastHeardAt = this.#clock.monotonic();
    return this.#radio.open((advertisement) => this.#hear(advertisement));
  }

  #hear(advertisement: Advertisement): void {
    this.#lastHeardAt = this.#clock.monotonic();
    if (this.#addresses.size <= BLE_ADDRESSES_MAX) this.#addresses.add(advertisement.address);
    const results = decode(advertisement);
    const decoded: Decoded[] = [];
    const refusals: string[] = [];
    for (const result of results) {
      if (result.ok) decoded.push(result.value);
      else refusals.push(this.#refuse(advertisement, result.error));
    }
    const readings = this.#memory.hear(advertisement, decoded, this.#lastHeardAt);
    if (readings === undefined || this.#names === undefined) return;
    const ts = this.#clock.now();
    const seen = sightingOf({ advertisement, decoded, readings, refusals, ts }, this.#names);
    if (seen !== undefined) this.#sink(seen);
  }

  /** One line for each device and format: a broken one repeats itself for ever. */
  #refuse({ address }: Advertisement, { code, message }: SensoriumError): string {
    const key = `${address} ${message.split(':', 1)[0]}`;
    if (!this.#logged.has(key) && this.#logged.size < BLE_REFUSALS_LOGGED_MAX) {
      this.#logged.add(key);
      this.#logger.warn({ code, address }, message);
    }
    return message;
  }
}
