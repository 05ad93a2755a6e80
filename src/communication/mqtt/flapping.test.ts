import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import {
  MQTT_FLAPPING_BAN_MS,
  MQTT_FLAPPING_CONNECTS_MAX,
  MQTT_FLAPPING_WINDOW_MS,
  MQTT_SESSIONS_MAX,
} from '../../base/limits.ts';
import { Flapping } from './flapping.ts';

const setUp = () => {
  const clock = new ManualClock();
  const flapping = new Flapping(clock);
  /** How many of so many connects were let in. */
  const connect = (key: string, times: number): number => {
    let admitted = 0;
    for (let i = 0; i < times; i += 1) admitted += flapping.admits(key) ? 1 : 0;
    return admitted;
  };
  return { clock, flapping, connect };
};
const max = MQTT_FLAPPING_CONNECTS_MAX;

describe('a client that connects without a pause', () => {
  it(`is let in ${max} times and then refused for a while; others do not notice`, () => {
    const { clock, connect } = setUp();
    expect(connect('loop', max + 5)).toBe(max);
    expect(connect('other', 1)).toBe(1);
    clock.advance(MQTT_FLAPPING_BAN_MS - 1);
    expect(connect('loop', 1)).toBe(0);
    clock.advance(1);
    expect(connect('loop', max + 5)).toBe(max);
  });

  it('is not who connects as often over a longer time', () => {
    const { clock, connect } = setUp();
    for (let round = 0; round < 5; round += 1) {
      expect(connect('steady', max)).toBe(max);
      clock.advance(MQTT_FLAPPING_WINDOW_MS + 1);
    }
  });

  it('stays banned through sweeps, and is forgotten behind one that is', () => {
    const { clock, flapping, connect } = setUp();
    connect('loop', max + 1);
    clock.advance(MQTT_FLAPPING_WINDOW_MS + 1);
    flapping.sweep();
    expect(connect('loop', 1)).toBe(0);
    clock.advance(MQTT_FLAPPING_BAN_MS);
    flapping.sweep();
    expect(connect('loop', 1)).toBe(1);
  });

  it('is not remembered beyond a bound: more clients than may be here at once go uncounted', () => {
    const { clock, connect } = setUp();
    for (let i = 0; i < MQTT_SESSIONS_MAX; i += 1) connect(`${i}`, 1);
    expect(connect('one more', max + 5)).toBe(max + 5);
    clock.advance(MQTT_FLAPPING_WINDOW_MS + 1);
    expect(connect('one more', max + 5)).toBe(max);
  });
});
