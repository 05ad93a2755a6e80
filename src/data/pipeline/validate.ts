import {
  QUARANTINE_MESSAGE_MAX_CHARS,
  QUARANTINE_ROWS_PER_PACKET_MAX,
  QUARANTINE_SAMPLE_BYTES,
} from '../../base/limits.ts';
import { type ErrorCode, SensoriumError } from '../../model/errors.ts';
import { deviceIdFromName } from '../../model/ids.ts';
import type { LogRecord } from '../../model/packet.ts';
import type { PresetSink } from '../payload/sink.ts';
import { mapPreset } from '../presets/presets.ts';
import { readAttributes } from './attributes.ts';
import type { Batch } from './batch.ts';
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

/** A whole packet in the place of an item. */
const WHOLE_PACKET = -1;

/**
 * The first stage: from the record of a message to rows of the batch, or to the quarantine with the reason. Every
 * packet leaves it counted exactly once: stored, forwarded or quarantined.
 */
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

  run({ record, batch, numbersFrom, textsFrom }: PacketWork): void {
    const route = this.#router.route(record.origin, record.topic);
    if (route.kind === 'forward') {
      batch.packets += 1;
      batch.forwarded += 1;
      return;
    }
    if (route.kind === 'refuse') {
      quarantine(batch, record, route.device, route.code, route.message);
      return;
    }
    this.#validator.begin(route.device, record.receivedAt);
    const fault = this.#read(route.kind, route.device, record);
    if (fault !== undefined) {
      quarantine(batch, record, route.device.facts.id, fault.code, fault.message);
      return;
    }
    const refused = this.#validator.rejections.length;
    if (refused > 0) this.#keepRejections(record);
    batch.packets += 1;
    if (batch.numbers.size > numbersFrom || batch.texts.size > textsFrom) batch.stored += 1;
    else if (refused > 0) batch.quarantined += 1;
    else batch.forwarded += 1;
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
    const { id, preset, topicBase } = device.facts;
    const sink = new ChildSink(device, this.#router, this.#validator, this.#batch);
    const facts = { id: id as Parameters<typeof mapPreset>[0]['id'], preset, topicBase };
    const answer = mapPreset(facts, record.topic, record.payload, this.#notes.of(id), sink);
    return answer === 'ignored' ? undefined : answer;
  }

  #keepRejections(record: LogRecord): void {
    const { rejections } = this.#validator;
    let rows = 0;
    for (const { index, code, message, device, late } of rejections) {
      this.#batch.countRejection(code);
      // Its sender was told of the others item by item.
      if ((record.checked && !late) || rows === QUARANTINE_ROWS_PER_PACKET_MAX) continue;
      rows += 1;
      addRow(this.#batch, record, device, index, code, message);
    }
  }
}

/** Sets a packet aside as a whole. */
export function quarantine(
  batch: Batch,
  record: LogRecord,
  device: string,
  code: ErrorCode,
  message: string,
): void {
  batch.packets += 1;
  batch.quarantined += 1;
  batch.countRejection(code);
  addRow(batch, record, device, WHOLE_PACKET, code, message);
}

function addRow(
  batch: Batch,
  record: LogRecord,
  device: string,
  index: number,
  code: ErrorCode,
  message: string,
): void {
  batch.quarantine.push({
    offset: record.offset,
    device,
    topic: record.topic,
    receivedAt: record.receivedAt,
    index,
    code,
    message: message.slice(0, QUARANTINE_MESSAGE_MAX_CHARS),
    sample: sampleOf(record.payload),
  });
}

const lenient = new TextDecoder();
const CONTROL = /\p{Cc}/gu;

function sampleOf(payload: Uint8Array): string {
  return lenient.decode(payload.subarray(0, QUARANTINE_SAMPLE_BYTES)).replaceAll(CONTROL, '\uFFFD');
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
  }

  reject(index: number, code: ErrorCode, message: string): void {
    if (this.#current !== undefined) this.#validator.reject(index, code, message);
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
    this.#validator.reject(0, child.code, child.message);
    return undefined;
  }
}
