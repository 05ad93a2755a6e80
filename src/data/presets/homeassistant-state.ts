import { READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import type { SensoriumError } from '../../model/errors.ts';
import { isJsonObject, parseJson } from '../payload/json.ts';
import { numberOf } from '../payload/number-text.ts';
import type { PresetSink } from '../payload/sink.ts';
import { shown } from '../payload/text.ts';
import { flatten } from './flatten.ts';
import type { Entity } from './homeassistant-config.ts';
import { applyTemplate } from './homeassistant-template.ts';

/** What a sender says when it has nothing to say. */
const NOTHING = /^(?:unavailable|unknown|none|nan|null)?$/i;

/**
 * The payload of one state topic, which many entities may read: parsed once at most, and good for as many values
 * as a packet may have, however many entities ask.
 */
export class StatePayload {
  readonly #text: string;
  readonly #sink: PresetSink;
  #parsed: { readonly root: unknown } | SensoriumError | undefined;
  #room = READINGS_PER_PACKET_MAX;

  constructor(text: string, sink: PresetSink) {
    this.#text = text;
    this.#sink = sink;
  }

  /** Hands on what the payload says of `entity`, or why it says nothing. */
  read(entity: Entity): void {
    const { kind, metric, refused } = entity;
    if (refused !== undefined) {
      this.#sink.reject(0, 'topic.unmapped', `${metric}: the template ${shown(refused)} is not supported`);
    } else if (kind === 'object') {
      this.#takeApart(metric);
    } else {
      const value = this.#render(entity);
      if (!isNothing(value)) this.#emit(entity, value);
    }
  }

  #json(): { readonly root: unknown } | SensoriumError {
    this.#parsed ??= parseJson(this.#text);
    return this.#parsed;
  }

  #takeApart(metric: string): void {
    const parsed = this.#json();
    if (!('root' in parsed)) this.#sink.reject(0, parsed.code, `${metric}: ${parsed.message}`);
    else if (!isJsonObject(parsed.root)) {
      this.#sink.reject(0, 'payload.shape', `${metric}: the payload must be a JSON object`);
    } else if (this.#room >= 0) {
      // The one value too many is what says so, once.
      this.#room -= flatten(parsed.root, metric, { sink: this.#sink, ts: undefined, room: this.#room });
    }
  }

  /** Undefined = nothing to hand on; the reason, if there is one, has been given. */
  #render({ template, metric }: Entity): unknown {
    if (template === undefined) return this.#text.trim();
    let source: unknown = this.#text.trim();
    if (template.path !== undefined) {
      const parsed = this.#json();
      if (!('root' in parsed)) {
        this.#sink.reject(0, parsed.code, `${metric}: ${parsed.message}`);
        return undefined;
      }
      source = parsed.root;
    }
    const rendered = applyTemplate(template, source);
    if ('value' in rendered) return rendered.value;
    this.#sink.reject(0, 'reading.type', `${metric}: ${rendered.fault}`);
    return undefined;
  }

  #emit({ kind, metric, unit, on = '', off = '' }: Entity, value: unknown): void {
    if (kind === 'availability') {
      if (value === on || value === off)
        this.#sink.attributes({ availability: value === on ? 'online' : 'offline' });
    } else if (kind === 'boolean') {
      this.#emitBoolean(metric, value, on, off);
    } else {
      const number = typeof value === 'string' ? numberOf(value.trim()) : value;
      if (typeof number === 'number') this.#sink.value(0, metric, undefined, number, unit);
      else if (kind === 'any') this.#sink.value(0, metric, undefined, value, unit);
      else this.#sink.reject(0, 'reading.type', `${metric}: a number is expected`);
    }
  }

  #emitBoolean(metric: string, value: unknown, on: string, off: string): void {
    const said = typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
    if (typeof value === 'boolean') this.#sink.value(0, metric, undefined, value);
    else if (said === on || said === off) this.#sink.value(0, metric, undefined, said === on);
    else this.#sink.reject(0, 'reading.type', `${metric}: neither ${shown(on)} nor ${shown(off)}`);
  }
}

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && NOTHING.test(value));
