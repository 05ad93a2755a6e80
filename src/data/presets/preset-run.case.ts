import { invariant } from '../../base/invariant.ts';
import type { TopicPreset } from '../../model/device.ts';
import { type DeviceId, isDeviceId } from '../../model/ids.ts';
import { MapMemory, RecordingSink } from '../payload/recording-sink.case.ts';
import { mapPreset } from './presets.ts';

/** For tests: a foreign device that publishes, and what came of each message. */
export class ForeignDevice {
  readonly memory = new MapMemory();
  readonly #preset: TopicPreset;
  readonly #id: DeviceId;
  readonly #topicBase: string | undefined;

  constructor(preset: TopicPreset, id: string, topicBase?: string) {
    this.#preset = preset;
    invariant(isDeviceId(id), 'a test device has a device id');
    this.#id = id;
    this.#topicBase = topicBase;
  }

  /** Text and bytes are sent as they are, everything else as JSON. */
  publish(topic: string, payload: unknown): { readonly sink: RecordingSink; readonly outcome: string } {
    const sink = new RecordingSink();
    const device = { id: this.#id, preset: this.#preset, topicBase: this.#topicBase };
    const bytes =
      payload instanceof Uint8Array
        ? payload
        : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    const outcome = mapPreset(device, topic, bytes, this.memory, sink);
    return {
      sink,
      outcome: outcome === undefined ? 'mapped' : outcome === 'ignored' ? outcome : outcome.code,
    };
  }
}
