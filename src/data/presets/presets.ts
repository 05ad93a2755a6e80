import type { TopicPreset } from '../../model/device.ts';
import { presetBase } from '../../model/preset-topics.ts';
import type { PresetMemory, PresetSink } from '../payload/sink.ts';
import type { Outcome, PresetDevice, PresetMessage } from './context.ts';
import { mapHomeAssistant } from './homeassistant.ts';
import { mapShelly } from './shelly.ts';
import { mapTasmota } from './tasmota.ts';
import { mapZigbee2mqtt } from './zigbee2mqtt.ts';

/**
 * Topics and payloads of foreign projects as raw values: the one door of this folder. Which topics a device may
 * use is decided elsewhere (model/preset-topics); here a topic is only read. Nothing foreign is evaluated.
 */

const presets: Readonly<Record<TopicPreset, (message: PresetMessage) => Outcome>> = {
  zigbee2mqtt: mapZigbee2mqtt,
  tasmota: mapTasmota,
  shelly: mapShelly,
  homeassistant: mapHomeAssistant,
};

/**
 * Reads one message of `device` by its preset. Returns 'ignored' for a topic that carries no data of the device
 * (commands, logs, what is not of the preset), an error where the payload of a data topic cannot be read at all,
 * undefined when values, attributes or rejections were handed to `sink`. `memory` is used with keys that start
 * with the device's id; what it is told must last as long as the readings.
 */
export function mapPreset(
  device: PresetDevice,
  topic: string,
  payload: Uint8Array,
  memory: PresetMemory,
  sink: PresetSink,
): Outcome {
  if (device.preset === undefined) return 'ignored';
  const base = presetBase(device);
  return presets[device.preset]({ device, base, topic, payload, memory, sink });
}
