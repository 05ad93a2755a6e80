import type { Device, TopicPreset } from './device.ts';

/**
 * Where foreign devices publish and listen, as their projects' documentation gives it. `{base}` is the device's
 * `topicBase`, else the default here, else its id. Security compiles these into topic rules, the pipeline reads
 * the same table to know which preset a topic belongs to.
 */
interface PresetTopics {
  readonly defaultBase?: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const table: Readonly<Record<TopicPreset, PresetTopics>> = {
  zigbee2mqtt: {
    defaultBase: 'zigbee2mqtt',
    publish: ['{base}/#'],
    subscribe: ['{base}/#'],
  },
  tasmota: {
    // Both orders that FullTopic has in the field: %prefix%/%topic%/ (the default) and %topic%/%prefix%/.
    publish: ['tele/{base}/#', 'stat/{base}/#', '{base}/tele/#', '{base}/stat/#', 'tasmota/discovery/#'],
    subscribe: ['cmnd/{base}/#', '{base}/cmnd/#', 'cmnd/tasmotas/#'],
  },
  shelly: {
    publish: [
      '{base}/online',
      '{base}/events/#',
      '{base}/status/#',
      '{base}/debug/#',
      '{base}/announce',
      'shellies/announce',
    ],
    subscribe: ['{base}/rpc', '{base}/command/#', 'shellies/command'],
  },
  homeassistant: {
    publish: ['homeassistant/#', '{base}/#'],
    subscribe: ['homeassistant/status', '{base}/#'],
  },
};

type PresetDevice = Pick<Device, 'id' | 'preset' | 'topicBase'>;

export function presetBase(device: PresetDevice): string {
  const base = device.preset === undefined ? undefined : table[device.preset].defaultBase;
  return device.topicBase ?? base ?? device.id;
}

/** Topic filters of a device with a preset; nothing for one without. */
export function presetTopics(device: PresetDevice): {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
} {
  if (device.preset === undefined) return { publish: [], subscribe: [] };
  const base = presetBase(device);
  const fill = (filter: string): string => filter.replace('{base}', base);
  const topics = table[device.preset];
  return { publish: topics.publish.map(fill), subscribe: topics.subscribe.map(fill) };
}
