import { type ErrorCode, SensoriumError } from '../../model/errors.ts';
import { deviceIdFromName } from '../../model/ids.ts';
import type { LogRecord } from '../../model/packet.ts';
import { decode } from '../payload/decode.ts';
import type { PresetMemory, PresetSink } from '../payload/sink.ts';
import { mapPreset } from '../presets/presets.ts';
import { readAttributes } from './attributes.ts';
import type { Batch } from './batch.ts';
import { CallTrace } from './call-trace.ts';
import type { DeviceEntry } from './device-entry.ts';
import type { PresetNotes } from './preset-notes.ts';
import type { Router } from './router.ts';
import type { PacketWork, Stage } from './stage.ts';
import type { Validator } from './validator.ts';

interface ValidateOptions {
  readonly batch: Batch;
  readonly router: Router;
  readonly validator: Validator;
  readonly notes: PresetNotes;
}

/** The first stage: from the record of a message to rows of the batch, and what is refused of it to the verdict. */
export class Validate implements Stage {
  readonly name = 'validate';
  readonly #batch: Batch;
  readonly #router: Router;
  readonly #validator: Validator;
  readonly #notes: PresetNotes;

  constructor(options: ValidateOptions) {
    this.#batch = options.batch;
    this.#router = options.router;
    this.#validator = options.validator;
    this.#notes = options.notes;
  }

  run({ record, verdict }: PacketWork): void {
    const route = this.#router.route(record.origin, record.topic);
    if (route.kind === 'forward') return;
    if (route.kind === 'refuse') {
      verdict.whole = route;
      return;
    }
    this.#validator.begin(route.device, record.receivedAt);
    const fault = this.#read(route.kind, route.device, record);
    if (fault === undefined) return;
    verdict.whole = { device: route.device.facts.id, code: fault.code, message: fault.message };
  }

  /** What the decoder makes of a packet, and nothing else: no values, no children, nothing remembered. */
  trace(record: LogRecord): CallTrace {
    const trace = new CallTrace();
    const route = this.#router.route(record.origin, record.topic);
    if (route.kind === 'telemetry') decode(record.payload, record.format, trace, record.receivedAt);
    else if (route.kind === 'preset') {
      const memory = this.#notes.of(route.device.facts.id);
      const silent: PresetMemory = { get: (key) => memory.get(key), set: () => undefined };
      mapPreset(presetFacts(route.device), record.topic, record.payload, silent, trace);
    }
    return trace;
  }

  #read(
    kind: 'telemetry' | 'attributes' | 'preset',
    device: DeviceEntry,
    record: LogRecord,
  ): SensoriumError | undefined {
    if (kind === 'telemetry') return this.#validator.decode(record.payload, record.format);
    if (kind === 'attributes') {
      const values = readAttributes(record.payload);
      if (values instanceof SensoriumError) return values;
      this.#batch.attributes.push({ device: device.facts.id, values });
      return undefined;
    }
    const sink = new ChildSink(device, this.#router, this.#validator, this.#batch);
    const notes = this.#notes.of(device.facts.id);
    const answer = mapPreset(presetFacts(device), record.topic, record.payload, notes, sink);
    this.#validator.end();
    return answer === 'ignored' ? undefined : answer;
  }
}

function presetFacts({ facts: { id, preset, topicBase } }: DeviceEntry): Parameters<typeof mapPreset>[0] {
  return { id: id as Parameters<typeof mapPreset>[0]['id'], preset, topicBase };
}

/** Turns the foreign names of children into devices; the values of one that is refused are dropped with it. */
class ChildSink implements PresetSink {
  readonly #gateway: DeviceEntry;
  readonly #router: Router;
  readonly #validator: Validator;
  readonly #batch: Batch;
  #current: DeviceEntry | undefined;

  constructor(gateway: DeviceEntry, router: Router, validator: Validator, batch: Batch) {
    this.#gateway = gateway;
    this.#router = router;
    this.#validator = validator;
    this.#batch = batch;
    this.#current = gateway;
  }

  child(name: string | undefined): void {
    this.#current = name === undefined ? this.#gateway : this.#admit(name);
    this.#validator.turnTo(this.#current ?? this.#gateway);
  }

  attributes(values: Readonly<Record<string, unknown>>): void {
    if (this.#current !== undefined) this.#batch.attributes.push({ device: this.#current.facts.id, values });
  }

  value(index: number, metric: string, ts: unknown, value: unknown, unit?: string): void {
    if (this.#current !== undefined) this.#validator.value(index, metric, ts, value, unit);
    else this.#validator.skip();
  }

  reject(index: number, code: ErrorCode, message: string): void {
    if (this.#current !== undefined) this.#validator.reject(index, code, message);
    else this.#validator.skip();
  }

  #admit(name: string): DeviceEntry | undefined {
    const id = deviceIdFromName(name);
    const child =
      id === undefined
        ? {
            kind: 'refuse' as const,
            code: 'device.id_invalid' as const,
            message: JSON.stringify(name.slice(0, 64)),
          }
        : this.#router.child(this.#gateway, id, name);
    if (!('kind' in child)) return child;
    this.#validator.turnTo(this.#gateway);
    this.#validator.refuseDevice(child.code, child.message);
    return undefined;
  }
}
