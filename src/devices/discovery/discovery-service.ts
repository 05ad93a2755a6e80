/**
 * Discovery: scanners at their own pace on one tick, everything they see in one inbox, and what people and watchers
 * decide about it, durable. Discovery finds; only the registry admits. A scanner that lacks something says so and harms
 * nobody. Knows scanners by their interface alone.
 */
import type { Clock } from '../../base/clock.ts';
import { DISCOVERY_DECISIONS_MAX, DISCOVERY_TICK_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { CANDIDATE_STATES, type Candidate, type Sighting } from '../../model/discovery.ts';
import { asSensoriumError, problem, type SensoriumError } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type {
  Admission,
  Admitted,
  CandidatePage,
  CandidateQuery,
  Discovery,
  ScannerReport,
} from '../../model/ports/discovery.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import { KeyedLock } from '../registry/keyed-lock.ts';
import { deviceInputOf } from './admission.ts';
import type { Decision, Found, StoredCandidate } from './found.ts';
import { Inbox } from './inbox.ts';
import { ScannerRun, type ScannerSource } from './scanner-run.ts';
import type { WatcherSettings } from './settings.ts';
import { suggestProfile } from './suggestion.ts';
import { Watcher } from './watcher.ts';

/** Values a device broadcast beside its announcement. */
export type HeardReadings = NonNullable<Sighting['readings']>;

interface DiscoveryServiceOptions {
  readonly sources: readonly ScannerSource[];
  readonly watchers: readonly WatcherSettings[];
  readonly state: StateStore;
  readonly registry: Registry;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Where values of admitted devices go; absent: nowhere. */
  readonly onReadings?: ((device: DeviceId, readings: HeardReadings) => void) | undefined;
}

export class DiscoveryService implements Discovery {
  readonly #options: DiscoveryServiceOptions;
  readonly #table: StateTable<StoredCandidate>;
  readonly #watchers: readonly Watcher[];
  readonly #locks = new KeyedLock();
  #inbox = new Inbox();
  #runs: readonly ScannerRun[] = [];
  #unidentified = 0;
  #timer: NodeJS.Timeout | undefined;
  #undo: (() => void)[] = [];

  constructor(options: DiscoveryServiceOptions) {
    this.#options = options;
    this.#table = options.state.table<StoredCandidate>('candidates');
    this.#watchers = options.watchers.map((settings) => new Watcher(settings, options.clock));
  }

  /** The registry is open by now. Scanners begin with the first tick, so that a start need not wait for them. */
  start(): void {
    const { sources, registry, logger, clock, random } = this.#options;
    this.#inbox = new Inbox();
    for (const [, stored] of this.#table.entries()) this.#restore(stored);
    const sink = (seen: Sighting): void => this.observe(seen);
    this.#runs = sources.map((source) => new ScannerRun({ source, sink, clock, random, logger }));
    this.#undo = [
      registry.onChange((change) => {
        if (change.kind === 'device-removed') this.#lost(change.id);
      }),
      ...this.#meters(),
    ];
    this.#timer = setInterval(() => this.tick(), DISCOVERY_TICK_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const undo of this.#undo) undo();
    this.#undo = [];
    await Promise.all(this.#runs.map((run) => run.stop()));
    await this.#locks.settled();
  }

  tick(): void {
    for (const run of this.#runs) run.tick();
  }

  /** Takes what a scanner saw. */
  observe(sighting: Sighting): void {
    const observed = this.#inbox.observe(sighting);
    if (observed === undefined) {
      this.#unidentified += 1;
      return;
    }
    const { found, isNew, isNews } = observed;
    if (isNews) this.#look(found);
    if (isNew) this.#announce(found, sighting.scanner);
    if (!found.judged) this.#watch(found);
    const { device } = found.decision ?? {};
    const { readings = [] } = sighting;
    if (device !== undefined && readings.length > 0) this.#options.onReadings?.(device, readings);
  }

  list(query: CandidateQuery): CandidatePage {
    return this.#inbox.list(query);
  }

  get(id: string): Candidate | undefined {
    return this.#inbox.get(id)?.show();
  }

  scanners(): readonly ScannerReport[] {
    return this.#runs.map((run) => run.report());
  }

  rescan(): void {
    for (const run of this.#runs) run.hasten();
  }

  async admit(id: string, admission: Admission, by: string): Promise<Result<Admitted, SensoriumError>> {
    return await this.#deciding(id, async (found) => {
      if (found.state === 'blocked') return err(problem('candidate.blocked', `${id} is blocked`));
      const input = deviceInputOf(found.show(), admission, this.#options.registry);
      // On disk before the device is: a crash between the two leaves a decision about no device, which a start drops.
      const decision: Decision = { ...this.#decision('admitted', by), device: input.id as DeviceId };
      const before = found.decision;
      await this.#table.put(id, found.stored(decision));
      const added = await this.#options.registry.add(input, by);
      if (!added.ok) {
        if (before === undefined) await this.#table.remove(id);
        else await this.#table.put(id, found.stored(before));
        return added;
      }
      this.#inbox.decide(found, decision);
      const who = by.startsWith('watcher:') ? 'watcher' : 'person';
      this.#options.meter.add('iot_discovery_admissions_total', 1, { by: who });
      return ok({ candidate: found.show(), device: added.value });
    });
  }

  async ignore(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    return await this.#putAside(id, 'ignored', by);
  }

  async block(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    return await this.#putAside(id, 'blocked', by);
  }

  async forget(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    return await this.#deciding(id, async (found) => {
      await this.#table.remove(id);
      const shown = found.show();
      this.#inbox.drop(found);
      this.#options.logger.info({ candidate: id, by }, 'candidate forgotten');
      return ok(shown);
    });
  }

  async #putAside(
    id: string,
    state: 'ignored' | 'blocked',
    by: string,
  ): Promise<Result<Candidate, SensoriumError>> {
    return await this.#deciding(id, async (found) => {
      const decision = this.#decision(state, by);
      await this.#table.put(id, found.stored(decision));
      this.#inbox.decide(found, decision);
      this.#options.logger.info({ candidate: id, state, by }, 'candidate decided');
      return ok(found.show());
    });
  }

  /** One decision about a candidate at a time; a broken disk is a typed error. */
  async #deciding<T>(
    id: string,
    decide: (found: Found) => Promise<Result<T, SensoriumError>>,
  ): Promise<Result<T, SensoriumError>> {
    try {
      return await this.#locks.run(id, async () => {
        const found = this.#inbox.get(id);
        if (found === undefined) return err(problem('candidate.unknown', `candidate ${id.slice(0, 64)}`));
        if (found.state === 'admitted')
          return err(problem('candidate.admitted', `${id} is the device ${found.decision?.device}`));
        if (found.state === 'new' && this.#inbox.decided >= DISCOVERY_DECISIONS_MAX)
          return err(problem('candidate.too_many', `${DISCOVERY_DECISIONS_MAX} are decided already`));
        return await decide(found);
      });
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
  }

  #decision(state: Decision['state'], by: string): Decision {
    return { state, by, at: this.#options.clock.now() };
  }

  /** A decision about a device that is not there was never carried out, or the device has gone since. */
  #restore(stored: StoredCandidate): void {
    const isGone = stored.device !== undefined && this.#options.registry.get(stored.device) === undefined;
    if (isGone) this.#unstore(stored.id);
    else this.#inbox.restore(stored);
  }

  /** The device is removed: what was admitted as it is free again, and shows up when it is seen next. */
  #lost(device: DeviceId): void {
    const found = this.#inbox.ofDevice(device);
    if (found === undefined) return;
    this.#inbox.drop(found);
    this.#unstore(found.id);
  }

  #unstore(id: string): void {
    this.#table.remove(id).catch((cause: unknown) => {
      this.#options.logger.warn({ candidate: id, error: String(cause) }, 'decision could not be removed');
    });
  }

  #look(found: Found): void {
    found.suggestion = suggestProfile(found.show(), found.hints.values(), this.#options.registry);
    const { decision } = found;
    if (decision === undefined || found.lasting <= found.storedLasting) return;
    // Known by more than when it was decided: the next start shall know it by that, too.
    found.storedLasting = found.lasting;
    this.#table.put(found.id, found.stored(decision)).catch((cause: unknown) => {
      this.#options.logger.warn({ candidate: found.id, error: String(cause) }, 'identifiers not stored');
    });
  }

  #announce(found: Found, scanner: string): void {
    const { id, name, identifiers, suggestion } = found.show();
    const [address] = identifiers.ip ?? identifiers.mac ?? [];
    this.#options.events.publish('device.discovered', id, {
      candidate: id,
      name,
      scanner,
      address,
      profile: suggestion?.profile,
    });
  }

  /** Each watcher is asked once for a candidate as it is; the first that fits admits it. */
  #watch(found: Found): void {
    found.judged = true;
    if (found.state !== 'new' || this.#watchers.length === 0) return;
    const candidate = found.show();
    const watcher = this.#watchers.find((one) => one.fits(candidate));
    if (watcher === undefined) return;
    if (!watcher.budget.take()) {
      const fields = { watcher: watcher.settings.name, candidate: found.id };
      this.#options.logger.warn(fields, 'watcher has admitted too many within an hour; left in the inbox');
      return;
    }
    void this.#admitFor(found.id, watcher.settings);
  }

  async #admitFor(id: string, { name, profile, parent }: WatcherSettings): Promise<void> {
    const { logger } = this.#options;
    const admitted = await this.admit(id, { profile, parent }, `watcher:${name}`);
    const fields = { watcher: name, candidate: id };
    if (admitted.ok) logger.info({ ...fields, device: admitted.value.device.id }, 'admitted');
    else if (admitted.error.code !== 'candidate.admitted')
      logger.warn({ ...fields, code: admitted.error.code }, 'watcher could not admit');
  }

  #meters(): readonly (() => void)[] {
    const { meter } = this.#options;
    return [
      ...CANDIDATE_STATES.map((state) =>
        meter.collect('iot_discovery_candidates', () => this.#inbox.count(state), { state }),
      ),
      meter.collect('iot_discovery_dropped_total', () => this.#unidentified, {
        scanner: 'any',
        reason: 'unidentified',
      }),
      ...this.#runs.flatMap((run) => {
        const labels = { scanner: run.name };
        return [
          meter.collect(
            'iot_discovery_scanner_up',
            () => (run.condition.state === 'running' ? 1 : 0),
            labels,
          ),
          meter.collect('iot_discovery_sightings_total', () => run.sightings, labels),
          meter.collect('iot_discovery_dropped_total', () => run.dropped, { ...labels, reason: 'rate' }),
        ];
      }),
    ];
  }
}
