import { describe, expect, it } from 'vitest';
import { PRESET_CONFIGS_MAX } from '../../base/limits.ts';
import { ForeignDevice } from './preset-run.case.ts';

/** As ESPHome announces: abbreviated names, its node name in topic and device block. */
const DEVICE = {
  ids: '94b97e123456',
  name: 'livingroom',
  sw: 'esphome v2026.1.0',
  mdl: 'esp32dev',
  mf: 'espressif',
};
const TEMPERATURE = {
  dev_cla: 'temperature',
  unit_of_meas: '°C',
  stat_cla: 'measurement',
  name: 'Temperature',
  stat_t: 'livingroom/sensor/temperature/state',
  avty_t: 'livingroom/status',
  uniq_id: 'ESPsensortemperature',
  dev: DEVICE,
};

const esp = (): ForeignDevice => new ForeignDevice('homeassistant', 'livingroom');
const bridge = (): ForeignDevice => new ForeignDevice('homeassistant', 'gw', 'rtl_433');

/** Announces one sensor with this config and sends a payload to its topic. */
function read(config: Record<string, unknown>, payload: unknown, component = 'sensor') {
  const device = bridge();
  device.publish(`homeassistant/${component}/thing/config`, { stat_t: 'rtl_433/t', ...config });
  return device.publish('rtl_433/t', payload);
}

describe('ESPHome', () => {
  it('announces entities that its own states are read by', () => {
    const device = esp();
    const announced = device.publish('homeassistant/sensor/livingroom/temperature/config', TEMPERATURE);
    expect(announced.outcome).toBe('mapped');
    expect(announced.sink.calls).toEqual([
      ['child', undefined],
      [
        'attributes',
        { name: 'livingroom', manufacturer: 'espressif', model: 'esp32dev', firmware: 'esphome v2026.1.0' },
      ],
    ]);
    expect(device.publish('livingroom/sensor/temperature/state', '21.3').sink.calls).toEqual([
      ['child', undefined],
      ['value', 0, 'temperature', undefined, 21.3, 'Cel'],
    ]);
    expect(device.publish('livingroom/status', 'offline').sink.calls).toEqual([
      ['child', undefined],
      ['attributes', { availability: 'offline' }],
    ]);
  });

  it('is read by its default topics without any announcement', () => {
    const device = esp();
    expect(device.publish('livingroom/sensor/co2/state', '612').sink.values).toEqual({ co2: 612 });
    expect(device.publish('livingroom/text_sensor/version/state', 'v1').sink.values).toEqual({
      version: 'v1',
    });
    expect(device.publish('livingroom/binary_sensor/door/state', 'ON').sink.values).toEqual({ door: true });
    expect(device.publish('livingroom/switch/relay/state', 'OFF').sink.values).toEqual({ relay: false });
    expect(
      device.publish('livingroom/light/lamp/state', { state: 'ON', brightness: 128, color: { r: 255 } }).sink
        .values,
    ).toEqual({
      'lamp.state': 'ON',
      'lamp.brightness': 128,
      'lamp.color.r': 255,
    });
    expect(device.publish('livingroom/status', 'online').sink.calls).toEqual([
      ['attributes', { availability: 'online' }],
    ]);
  });

  it.each(['nan', 'NaN', 'unavailable', 'unknown', 'None', ''])('says nothing with %j', (payload) => {
    const device = esp();
    device.publish('homeassistant/sensor/livingroom/temperature/config', TEMPERATURE);
    expect(device.publish('livingroom/sensor/temperature/state', payload).sink.values).toEqual({});
  });

  it.each([
    'livingroom/debug',
    'livingroom/switch/relay/command',
    'livingroom/camera/front/state',
    'homeassistant/status',
    'other/sensor/x/state',
  ])('%s is ignored', (topic) => {
    expect(esp().publish(topic, 'online').outcome).toBe('ignored');
  });
});

describe('a bridge', () => {
  it('has children, by the device block of each entity', () => {
    const device = bridge();
    const dev = {
      identifiers: ['Acurite-5n1-1234'],
      name: 'Weather station',
      manufacturer: 'rtl_433',
      model: 'Acurite-5n1',
    };
    device.publish('homeassistant/sensor/Acurite-5n1-1234/wind/config', {
      name: 'Wind',
      state_topic: 'rtl_433/1234/wind',
      unit_of_measurement: 'km/h',
      device: dev,
    });
    expect(device.publish('rtl_433/1234/wind', '12.5').sink.calls).toEqual([
      ['child', 'Weather station'],
      ['value', 0, 'wind', undefined, 12.5, 'km/h'],
    ]);
  });

  it('may have many entities on one JSON topic', () => {
    const device = bridge();
    const tilde = { '~': 'rtl_433/atc', stat_t: '~', dev: { ids: ['ATC_264902'] } };
    device.publish('homeassistant/sensor/ATC_264902_temp/config', {
      ...tilde,
      obj_id: 'temperature',
      unit_of_meas: '°C',
      val_tpl: '{{ value_json.Temperature }}',
    });
    device.publish('homeassistant/sensor/ATC_264902_hum/config', {
      ...tilde,
      obj_id: 'humidity',
      unit_of_meas: '%',
      val_tpl: "{{ value_json['Humidity'] | float }}",
    });
    const { sink } = device.publish('rtl_433/atc', { Temperature: 21.5, Humidity: '44' });
    expect(sink.values).toEqual({ temperature: 21.5, humidity: 44 });
    expect(sink.calls[0]).toEqual(['child', 'ATC_264902']);
  });

  it('may announce a whole device in one message', () => {
    const device = bridge();
    device.publish('homeassistant/device/0AFFD2/config', {
      dev: {
        ids: 'ea334450945afc',
        name: 'Kitchen',
        mf: 'Bla electronics',
        mdl: 'xya',
        sw: '1.0',
        sn: 'ea33',
        hw: '1.0rev2',
      },
      o: { name: 'bla2mqtt', sw: '2.1' },
      cmps: {
        temp: {
          p: 'sensor',
          device_class: 'temperature',
          unit_of_measurement: '°C',
          value_template: '{{ value_json.temperature}}',
          unique_id: 't',
        },
        door: {
          p: 'binary_sensor',
          value_template: '{{ value_json.door }}',
          payload_on: 'open',
          payload_off: 'closed',
          unique_id: 'd',
        },
        removed: { p: 'sensor' },
      },
      state_topic: 'rtl_433/kitchen/state',
      availability: [{ t: 'rtl_433/bridge', val_tpl: '{{ value_json.state }}' }],
      qos: 2,
    });
    const { sink } = device.publish('rtl_433/kitchen/state', { temperature: 22.1, door: 'open' });
    expect(sink.values).toEqual({ temp: 22.1, door: true });
    expect(sink.calls[0]).toEqual(['child', 'Kitchen']);
    expect(device.publish('rtl_433/bridge', { state: 'online' }).sink.calls).toContainEqual([
      'attributes',
      { availability: 'online' },
    ]);
  });

  it('takes an announcement back with an empty payload, and replaces one with the next', () => {
    const device = bridge();
    const topic = 'homeassistant/sensor/x/config';
    device.publish(topic, { stat_t: 'rtl_433/a' });
    device.publish(topic, { stat_t: 'rtl_433/b' });
    expect(device.publish('rtl_433/a', '1').outcome).toBe('ignored');
    expect(device.publish('rtl_433/b', '1').sink.values).toEqual({ x: 1 });
    expect(device.publish(topic, '').outcome).toBe('mapped');
    expect(device.publish('rtl_433/b', '1').outcome).toBe('ignored');
    expect(device.publish(topic, '').outcome).toBe('ignored');
    expect([...device.memory.entries.keys()]).toEqual(['homeassistant/count']);
  });

  it('does not write what it has remembered already', () => {
    const device = bridge();
    device.publish('homeassistant/sensor/x/config', { stat_t: 'rtl_433/a' });
    const { writes } = device.memory;
    device.publish('homeassistant/sensor/x/config', { stat_t: 'rtl_433/a' });
    expect(device.memory.writes).toBe(writes);
  });
});

describe('entities', () => {
  it('with a unit or a state class must be numbers', () => {
    expect(read({ unit_of_meas: 'W' }, 'many').sink.rejects).toEqual([[0, 'reading.type']]);
    expect(read({ stat_cla: 'total' }, '0x1f').sink.rejects).toEqual([[0, 'reading.type']]);
    expect(read({}, 'many').sink.values).toEqual({ thing: 'many' });
  });

  it('with two states are boolean', () => {
    expect(read({ pl_on: '1', pl_off: '0' }, '1', 'binary_sensor').sink.values).toEqual({ thing: true });
    expect(read({ stat_on: 'started', stat_off: 'stopped' }, 'stopped', 'switch').sink.values).toEqual({
      thing: false,
    });
    expect(read({ val_tpl: '{{ value_json.on }}' }, { on: true }, 'switch').sink.values).toEqual({
      thing: true,
    });
    expect(read({}, 'maybe', 'switch').sink.rejects).toEqual([[0, 'reading.type']]);
  });

  it('of a climate have more topics than one', () => {
    const device = bridge();
    device.publish('homeassistant/climate/room/config', {
      mode_stat_t: 'rtl_433/mode',
      curr_temp_t: 'rtl_433/json',
      curr_temp_tpl: '{{ value_json.now }}',
      temp_stat_t: 'rtl_433/json',
      temp_stat_tpl: '{{ value_json.target }}',
    });
    expect(device.publish('rtl_433/mode', 'heat').sink.values).toEqual({ 'room.mode': 'heat' });
    expect(device.publish('rtl_433/json', { now: 19.5, target: 21 }).sink.values).toEqual({
      'room.current_temperature': 19.5,
      'room.temperature': 21,
    });
  });

  it('with a template outside the subset are refused, clearly and each time', () => {
    const { sink } = read({ val_tpl: '{{ value_json.x * 0.1 }}' }, { x: 5 });
    expect(sink.rejects).toEqual([[0, 'topic.unmapped']]);
    expect(sink.messages[0]).toBe('thing: the template "{{ value_json.x * 0.1 }}" is not supported');
  });

  it('say what is wrong with a payload their template cannot read', () => {
    expect(read({ val_tpl: '{{ value_json.x }}' }, 'not json').sink.rejects).toEqual([
      [0, 'payload.not_json'],
    ]);
    expect(read({ val_tpl: '{{ value | float }}' }, 'warm').sink.rejects).toEqual([[0, 'reading.type']]);
    expect(read({ val_tpl: '{{ value_json.y }}' }, { x: 1 }).sink.calls).toEqual([['child', undefined]]);
  });

  it('are bounded in number', () => {
    const device = bridge();
    for (let i = 0; i < PRESET_CONFIGS_MAX; i += 1)
      device.publish(`homeassistant/sensor/s${i}/config`, { stat_t: `rtl_433/${i}` });
    expect(device.publish('homeassistant/sensor/more/config', { stat_t: 'rtl_433/more' }).outcome).toBe(
      'payload.too_many',
    );
    expect(device.publish('homeassistant/sensor/s1/config', { stat_t: 'rtl_433/again' }).outcome).toBe(
      'mapped',
    );
    device.publish('homeassistant/sensor/s2/config', '');
    expect(device.publish('homeassistant/sensor/more/config', { stat_t: 'rtl_433/more' }).outcome).toBe(
      'mapped',
    );
  });

  it('beyond the bound of one message or one topic refuse the whole message', () => {
    const cmps = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`c${i}`, { p: 'sensor', stat_t: `rtl_433/${i}` }]),
    );
    expect(bridge().publish('homeassistant/device/big/config', { cmps }).outcome).toBe('payload.too_many');
    const device = bridge();
    for (let i = 0; i < 256; i += 1)
      device.publish(`homeassistant/sensor/s${i}/config`, { stat_t: 'rtl_433/one' });
    expect(device.publish('homeassistant/sensor/more/config', { stat_t: 'rtl_433/one' }).outcome).toBe(
      'payload.too_many',
    );
    expect(device.publish('homeassistant/sensor/more/config', '').outcome).toBe('ignored');
  });
});
