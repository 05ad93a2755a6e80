/** Provision watchers: which of them a candidate fits. */
import type { Clock } from '../../base/clock.ts';
import { DISCOVERY_WATCHER_ADMISSIONS_PER_HOUR } from '../../base/limits.ts';
import { RateBudget } from '../../base/rate-budget.ts';
import type { Candidate } from '../../model/discovery.ts';
import { matchesGlob } from './glob.ts';
import { type AddressRange, isWithin, parseRange } from './network/ranges.ts';
import type { WatcherSettings } from './settings.ts';

const HOUR_S = 3_600;

export class Watcher {
  readonly settings: WatcherSettings;
  readonly budget: RateBudget;
  readonly #range: AddressRange | undefined;

  constructor(settings: WatcherSettings, clock: Clock) {
    this.settings = settings;
    const burst = DISCOVERY_WATCHER_ADMISSIONS_PER_HOUR;
    this.budget = new RateBudget({ perSecond: burst / HOUR_S, burst, clock });
    this.#range = settings.match.address === undefined ? undefined : parseRange(settings.match.address);
  }

  fits({ evidence, services, names, name, manufacturer, model, identifiers }: Candidate): boolean {
    const { match } = this.settings;
    const macs = identifiers.mac ?? [];
    const checks: readonly (readonly [pattern: string | undefined, texts: readonly string[]])[] = [
      [match.scanner, evidence.map(({ scanner }) => scanner)],
      [match.service, services],
      [match.name, [...names, name, ...(identifiers.hostName ?? [])]],
      [match.manufacturer, manufacturer === undefined ? [] : [manufacturer]],
      [match.model, model === undefined ? [] : [model]],
      [match.mac, macs],
    ];
    const fitsTexts = checks.every(
      ([pattern, texts]) => pattern === undefined || texts.some((text) => matchesGlob(pattern, text)),
    );
    return fitsTexts && (match.address === undefined || this.#isInRange(identifiers.ip ?? []));
  }

  #isInRange(addresses: readonly string[]): boolean {
    const range = this.#range;
    return range !== undefined && addresses.some((address) => isWithin(range, address));
  }
}
