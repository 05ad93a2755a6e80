/**
 * Twins: edits of people and reports of devices, one rule for both, in the order they come per device. Promises that what
 * was answered or acknowledged is on disk, and that a device hears of what is desired until it has reported it.
 */
import type { Clock } from '../../base/clock.ts';
import { TWIN_DOCUMENT_MAX_BYTES } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { asSensoriumError, problem, type SensoriumError } from '../../model/errors.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { HeardMessage, Messaging } from '../../model/ports/messaging.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { DeviceLinks } from '../../model/ports/presence.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { StateStore } from '../../model/ports/state.ts';
import type { TwinEdit, Twins } from '../../model/ports/twins.ts';
import { type JsonObject, TWIN_PARTS, type Twin, type TwinChange, type TwinPart } from '../../model/twin.ts';
import { quoted } from '../registry/text-rules.ts';
import { DeltaCourier } from './delta-courier.ts';
import { isJsonObject, mergePatch, patchBetween } from './merge-patch.ts';
import { TwinBook } from './twin-book.ts';
import { deltaOf, twinOf, withProperties } from './twin-record.ts';
import { documentFault, patchFault } from './twin-rules.ts';
import { parseReportTopic, REPORT_FILTERS } from './twin-topics.ts';

interface TwinServiceOptions {
  readonly registry: Pick<Registry, 'get' | 'list' | 'onChange'>;
  readonly state: StateStore;
  readonly messaging: Messaging;
  readonly links: DeviceLinks;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Why a report is not taken. */
const REFUSALS = ['unknown', 'stranger', 'invalid', 'busy'] as const;
type Refusal = (typeof REFUSALS)[number];

export class TwinService implements Twins {
  readonly #options: TwinServiceOptions;
  readonly #book: TwinBook;
  readonly #courier: DeltaCourier;
  readonly #changes: Record<TwinPart, number> = { desired: 0, reported: 0 };
  readonly #refused: Record<Refusal, number> = { unknown: 0, stranger: 0, invalid: 0, busy: 0 };
  #undo: (() => void)[] = [];

  constructor(options: TwinServiceOptions) {
    this.#options = options;
    this.#book = new TwinBook(options);
    this.#courier = new DeltaCourier({ ...options, twin: (device) => this.#book.get(device) });
  }

  /** What does not work at present, in words. */
  get faults(): readonly string[] {
    const { fault } = this.#book;
    return fault === undefined ? [] : [`twins cannot be stored: ${fault}`];
  }

  start(): void {
    const { messaging, registry, meter } = this.#options;
    this.#courier.start(this.#book.due());
    this.#undo = [
      ...REPORT_FILTERS.map((filter) => messaging.subscribe(filter, (message) => this.#heard(message))),
      registry.onChange((change) => {
        if (change.kind === 'device-removed') this.#removed(change.id);
      }),
      ...TWIN_PARTS.map((part) =>
        meter.collect('iot_twin_changes_total', () => this.#changes[part], { part }),
      ),
      ...REFUSALS.map((reason) =>
        meter.collect('iot_twin_reports_refused_total', () => this.#refused[reason], { reason }),
      ),
      meter.collect('iot_twins_due', () => this.#courier.size),
    ];
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo.splice(0)) undo();
    this.#courier.stop();
    await this.#book.settled();
  }

  get(device: string): Result<Twin, SensoriumError> {
    const known = this.#known(device);
    return known.ok ? ok(twinOf(device, this.#book.get(device))) : known;
  }

  history(device: string, part: TwinPart): Result<readonly TwinChange[], SensoriumError> {
    const known = this.#known(device);
    return known.ok ? ok(this.#book.history(device, part)) : known;
  }

  async edit({
    device,
    part,
    how,
    properties,
    by,
    version,
  }: TwinEdit): Promise<Result<Twin, SensoriumError>> {
    const known = this.#known(device);
    if (!known.ok) return known;
    const fault = patchFault(properties);
    if (fault !== undefined) return err(problem('twin.invalid', fault));
    const stored = this.#book.latest(device);
    const before = stored[part];
    if (version !== undefined && version !== before.version)
      return err(problem('twin.version_conflict', `${part} is at version ${before.version}, not ${version}`));
    // A patch takes nulls out of objects; a whole document has none to begin with [RFC 7396, 1].
    const after = mergePatch(how === 'merge' ? before.properties : {}, properties);
    const wrong = documentFault(after);
    if (wrong !== undefined) return err(problem('twin.invalid', wrong));
    const patch = patchBetween(before.properties, after);
    if (patch === undefined) return await this.#unchanged(device);
    if (this.#book.isBusy) return err(problem('twin.busy', 'the changes of the last second are not on disk'));
    return await this.#store({ device, part, by, patch, after });
  }

  /** What it is based on may be on its way to the disk yet. */
  async #unchanged(device: string): Promise<Result<Twin, SensoriumError>> {
    try {
      await this.#book.stored(device);
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
    return ok(twinOf(device, this.#book.get(device)));
  }

  async #store(change: {
    readonly device: string;
    readonly part: TwinPart;
    readonly by: string;
    readonly patch: JsonObject;
    readonly after: JsonObject;
  }): Promise<Result<Twin, SensoriumError>> {
    const { device, part, by, patch, after } = change;
    const { clock, events } = this.#options;
    const stored = this.#book.latest(device);
    const at = clock.now();
    const twin = { ...stored, [part]: withProperties(stored[part], after, { at, by }) };
    const { version } = twin[part];
    try {
      await this.#book.put(device, twin, { part, version, at, by, patch });
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
    this.#changes[part] += 1;
    const isSettled = deltaOf(twin) === undefined;
    // What it reports is an answer; to answer that again would go on for ever where it cannot do what is desired.
    this.#courier.changed(device, this.#book.get(device), part === 'desired');
    events.publish('twin.changed', device, { device, part, version, by, settled: isSettled });
    return ok(twinOf(device, twin));
  }

  /** The promise is that of the disk: the device is acknowledged when its report is safe. */
  #heard({ topic, origin, payload }: HeardMessage): Promise<void> | undefined {
    const address = parseReportTopic(topic);
    const device = address === undefined ? undefined : this.#options.registry.get(address.device);
    if (address === undefined || device === undefined) return this.#refuse('unknown', topic);
    const { speaker } = address;
    const isUser = origin.startsWith('@');
    const isOwn = speaker === device.id || speaker === device.parent;
    if (!isOwn || (!isUser && origin !== speaker)) return this.#refuse('stranger', topic);
    const properties = parseObject(payload);
    if (properties === undefined) return this.#refuse('invalid', topic);
    const by = isUser ? `user:${origin.slice(1)}` : `device:${origin}`;
    return this.#report(device.id, properties, by);
  }

  async #report(device: string, properties: JsonObject, by: string): Promise<void> {
    const done = await this.edit({ device, part: 'reported', how: 'merge', properties, by });
    if (done.ok) return;
    const { code } = done.error;
    if (code === 'twin.invalid' || code === 'device.unknown') {
      this.#refuse(code === 'twin.invalid' ? 'invalid' : 'unknown', device);
      return;
    }
    if (code === 'twin.busy') this.#refused.busy += 1;
    // Not on disk: it is not acknowledged, and comes again.
    throw done.error;
  }

  #refuse(reason: Refusal, about: string): undefined {
    this.#refused[reason] += 1;
    this.#options.logger.debug({ about, reason }, 'a reported twin was refused');
    return undefined;
  }

  #removed(device: string): void {
    this.#courier.forget(device);
    // What could not be erased is found by the next change of the same device, and said as a fault meanwhile.
    this.#book.remove(device).catch(() => undefined);
  }

  #known(device: string): Result<true, SensoriumError> {
    if (this.#options.registry.get(device) !== undefined) return ok(true);
    return err(problem('device.unknown', `${quoted(device)} is not registered`));
  }
}

/** Undefined for what is no JSON object, or longer than a twin may be. */
function parseObject(payload: Uint8Array): JsonObject | undefined {
  if (payload.length > TWIN_DOCUMENT_MAX_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
