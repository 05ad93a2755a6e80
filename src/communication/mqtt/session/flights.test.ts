import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MQTT_INFLIGHT_MAX } from '../../../base/limits.ts';
import { type Flight, Flights } from './flights.ts';

const flight = (offset: number, more: Partial<Flight> = {}): Flight => ({
  offset,
  qos: 1,
  isShared: false,
  retain: false,
  isReleased: false,
  isReplay: false,
  ...more,
});

describe('messages on their way', () => {
  it('are what they were, also when read back from the store', () => {
    const any = fc.record({
      // 22 years at 200,000 a second.
      offset: fc.nat(2 ** 47 - 1),
      qos: fc.constantFrom(1 as const, 2 as const),
      isShared: fc.boolean(),
      retain: fc.boolean(),
      isReleased: fc.boolean(),
      isReplay: fc.boolean(),
    });
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 65_535 }), (one, id) => {
        const flights = new Flights();
        flights.set(id, one);
        expect(flights.get(id)).toEqual(one);
        const restored = new Flights();
        for (const [key, packed] of flights.entries()) restored.restore(key, packed);
        expect(restored.get(id)).toEqual(one);
        expect([restored.qosOf(id), restored.isReleased(id)]).toEqual([one.qos, one.isReleased]);
      }),
      { seed: 8 },
    );
  });

  it('have ids from 1 on that are in use once [MQTT-2.2.1-4], around the end, and none when all are taken', () => {
    const flights = new Flights();
    for (let id = 1; id <= MQTT_INFLIGHT_MAX; id += 1) {
      expect(flights.newId()).toBe(id);
      flights.setPlain(id, id, false, false);
    }
    expect(flights.newId()).toBe(0);
    flights.delete(700);
    flights.delete(3);
    expect(flights.newId()).toBe(3);
    flights.setPlain(3, 1, false, false);
    expect(flights.newId()).toBe(700);
  });

  it('go on after a restart with the id behind the last', () => {
    const flights = new Flights();
    const before = new Flights();
    before.setPlain(7, 1, false, false);
    before.setPlain(9, 2, false, false);
    for (const [id, packed] of before.entries()) flights.restore(id, packed);
    expect(flights.newId()).toBe(10);
  });

  it('stay in the order they were sent in, released or not', () => {
    const flights = new Flights();
    for (const id of [5, 2, 9]) flights.set(id, flight(id, { qos: 2 }));
    flights.markReleased(2);
    flights.markReleased(2);
    expect([...flights.ids()]).toEqual([5, 2, 9]);
    expect(flights.get(2)).toEqual(flight(2, { qos: 2, isReleased: true }));
    flights.markReleased(77);
    expect(flights.get(77)).toBeUndefined();
    expect(flights.qosOf(77)).toBe(0);
  });

  it('need of the log what may be sent again: not what is released, nor what is no message of the log', () => {
    const flights = new Flights();
    expect(flights.oldest).toBe(Number.POSITIVE_INFINITY);
    flights.set(1, flight(3, { qos: 2, isReleased: true }));
    flights.set(2, flight(0, { isReplay: true }));
    flights.set(3, flight(90));
    // Passed on by another session of its group: older than what was sent before it.
    flights.set(4, flight(20, { isShared: true }));
    expect(flights.oldest).toBe(20);
    expect([...flights.offsetsBefore(90)]).toEqual([20]);
  });

  it('can be forgotten by what they are', () => {
    const flights = new Flights();
    for (const id of [1, 2, 3]) flights.set(id, flight(id * 10));
    flights.forget(({ offset }) => offset >= 20);
    expect([...flights.ids()]).toEqual([1]);
    expect(flights.size).toBe(1);
  });
});
