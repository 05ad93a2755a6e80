/**
 * What each device said last, so that the same words again are neither a flood of sightings nor new measurements.
 * Bounded; the device silent for longest is forgotten.
 */
import { BLE_CHANGE_MIN_MS, BLE_REPEAT_MS, BLE_TRACKED_MAX } from '../../../base/limits.ts';
import type { Advertisement, BroadcastReading, Decoded } from './advertisement.ts';
import { hex } from './bytes.ts';

interface Said {
  readonly words: string;
  /** Monotonic, ms. */
  readonly at: number;
  /** Last counter by format. */
  readonly sequences: ReadonlyMap<string, number>;
}

export class AdvertisementMemory {
  readonly #said = new Map<string, Said>();

  get size(): number {
    return this.#said.size;
  }

  /**
   * The readings in it that are new; undefined where it comes too soon after the last one to be worth a word. `now` is
   * monotonic. A measurement with a counter counts once; a press of a button without one does not repeat.
   */
  hear(
    advertisement: Advertisement,
    decoded: readonly Decoded[],
    now: number,
  ): readonly BroadcastReading[] | undefined {
    const { address } = advertisement;
    const words = wordsOf(advertisement);
    const last = this.#said.get(address);
    const isRepeated = last?.words === words;
    if (last !== undefined && now - last.at < (isRepeated ? BLE_REPEAT_MS : BLE_CHANGE_MIN_MS))
      return undefined;
    const sequences = new Map(
      decoded.flatMap(({ label, sequence }) => (sequence === undefined ? [] : [[label, sequence] as const])),
    );
    this.#remember(address, { words, at: now, sequences });
    return decoded.flatMap(({ label, sequence, isEvent, readings }) => {
      const isOld =
        sequence === undefined ? isRepeated && isEvent === true : last?.sequences.get(label) === sequence;
      return isOld ? [] : readings;
    });
  }

  clear(): void {
    this.#said.clear();
  }

  #remember(address: string, said: Said): void {
    this.#said.delete(address);
    this.#said.set(address, said);
    const [oldest] = this.#said.keys();
    if (this.#said.size > BLE_TRACKED_MAX && oldest !== undefined) this.#said.delete(oldest);
  }
}

/** Everything but the strength of the signal. */
const wordsOf = ({ name, manufacturerData, serviceData, serviceUuids }: Advertisement): string =>
  [
    name ?? '',
    ...manufacturerData.map(({ company, data }) => `${company}=${hex(data)}`),
    ...serviceData.map(({ uuid, data }) => `${uuid}=${hex(data)}`),
    ...serviceUuids,
  ].join(' ');
