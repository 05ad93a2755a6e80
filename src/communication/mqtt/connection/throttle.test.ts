import { describe, expect, it } from 'vitest';
import { MQTT_CLIENT_BYTES_PER_SECOND, MQTT_CLIENT_MESSAGES_PER_SECOND } from '../../../base/limits.ts';
import { Throttle } from './throttle.ts';

const limits = { messagesPerSecond: 100, bytesPerSecond: 10_000 };

describe('one client', () => {
  it('may send a second’s worth at once, and then waits as long as it is ahead', () => {
    const throttle = new Throttle(0, limits);
    expect(throttle.take(100, 0, 0)).toBe(0);
    expect(throttle.take(50, 0, 0)).toBe(500);
    expect(throttle.take(0, 0, 500)).toBe(0);
    expect(throttle.take(1, 0, 500)).toBe(10);
  });

  it('is held by bytes as by messages, whichever takes longer', () => {
    const throttle = new Throttle(0, limits);
    expect(throttle.take(10, 30_000, 0)).toBe(2_000);
    expect(throttle.take(190, 0, 2_000)).toBe(900);
  });

  it('saves up no more than a second, however long it is quiet', () => {
    const throttle = new Throttle(0, limits);
    expect(throttle.take(200, 0, 3_600_000)).toBe(1_000);
  });

  it('never waits at the rate that is allowed, over an hour of it', () => {
    const throttle = new Throttle(0, limits);
    let waited = 0;
    for (let now = 0; now < 3_600_000; now += 250) waited += throttle.take(25, 2_500, now);
    expect(waited).toBe(0);
  });

  it('gets on average what is allowed when it sends all the time', () => {
    const throttle = new Throttle(0, limits);
    let [now, sent] = [0, 0];
    while (now < 100_000) {
      now += throttle.take(30, 100, now);
      sent += 30;
    }
    expect(sent).toBeGreaterThanOrEqual(100 * 100);
    expect(sent).toBeLessThanOrEqual(100 * 102);
  });

  it('has the server’s values unless told otherwise', () => {
    const throttle = new Throttle(0);
    expect(throttle.take(MQTT_CLIENT_MESSAGES_PER_SECOND, MQTT_CLIENT_BYTES_PER_SECOND, 0)).toBe(0);
    expect(throttle.take(0, 1_000_000, 0)).toBeGreaterThan(0);
  });
});
