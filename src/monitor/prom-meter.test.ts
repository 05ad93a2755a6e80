import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { METRICS } from '../model/metrics.ts';
import { HostUsage } from './host-usage.ts';
import { PromMeter } from './prom-meter.ts';

const text = async (meter: PromMeter): Promise<string> => (await meter.metrics()).body;

describe('PromMeter', () => {
  it('exposes every metric of the table, as its type', async () => {
    const { contentType, body } = await new PromMeter().metrics();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const [name, { type }] of Object.entries(METRICS))
      expect(body).toContain(`# TYPE ${name} ${type}\n`);
  });

  it('counts and observes with labels', async () => {
    const meter = new PromMeter();
    meter.add('iot_requests_total', 1, { protocol: 'http', status: '200' });
    meter.add('iot_requests_total', 2, { protocol: 'http', status: '200' });
    meter.observe('iot_response_time_seconds', 0.003, { protocol: 'http', route: '/x' });
    const body = await text(meter);
    expect(body).toContain('iot_requests_total{protocol="http",status="200"} 3');
    expect(body).toContain('iot_response_time_seconds_bucket{le="0.0025",protocol="http",route="/x"} 0');
    expect(body).toContain('iot_response_time_seconds_bucket{le="0.005",protocol="http",route="/x"} 1');
    expect(body).toContain('iot_response_time_seconds_sum{protocol="http",route="/x"} 0.003');
  });

  it('reads gauges and counters kept elsewhere when scraped; a counter that restarts never goes back', async () => {
    const meter = new PromMeter();
    let kept = 10;
    meter.collect('iot_log_appended_total', () => kept);
    meter.collect('iot_log_bytes', () => kept);
    expect(await text(meter)).toContain('iot_log_appended_total 10');
    kept = 4;
    const body = await text(meter);
    expect(body).toContain('iot_log_appended_total 14');
    expect(body).toContain('iot_log_bytes 4');
    kept = 6;
    expect(await text(meter)).toContain('iot_log_appended_total 16');
  });

  it('keeps what a deregistered counter had, and forgets its gauges', async () => {
    const meter = new PromMeter();
    const ends = [
      meter.collect('iot_mqtt_connections', () => 5, { listener: 'tcp' }),
      meter.collect('iot_log_appended_total', () => 7),
    ];
    await text(meter);
    for (const end of ends) end();
    for (const end of ends) end();
    const body = await text(meter);
    expect(body).not.toContain('iot_mqtt_connections{listener="tcp"}');
    expect(body).toContain('iot_log_appended_total 7');
  });

  it('scrapes on when a reader throws or gives no number', async () => {
    const meter = new PromMeter();
    meter.collect('iot_log_bytes', () => {
      throw new Error('the log is closed');
    });
    meter.collect('iot_mqtt_retained', () => Number.NaN);
    meter.collect('iot_mqtt_subscriptions', () => 3);
    expect(await text(meter)).toContain('iot_mqtt_subscriptions 3');
  });

  it('takes a metric used as what it is not for a bug', () => {
    const meter = new PromMeter();
    expect(() => meter.add('iot_log_bytes')).toThrow('BUG');
    expect(() => meter.observe('iot_log_bytes', 1)).toThrow('BUG');
    expect(() => meter.collect('iot_log_commit_seconds', () => 1)).toThrow('BUG');
  });

  it('tells memory and CPU of process and host', async () => {
    const meter = new PromMeter();
    meter.start();
    meter.start();
    const body = await text(meter);
    meter.stop();
    const value = (series: string): number =>
      Number(
        body
          .split('\n')
          .find((line) => line.startsWith(series))
          ?.split(' ')[1],
      );
    expect(value('iot_memory_usage_bytes{scope="process"}')).toBeGreaterThan(10_000_000);
    expect(value('iot_memory_usage_bytes{scope="host"}')).toBeGreaterThan(
      value('iot_memory_usage_bytes{scope="process"}'),
    );
    for (const scope of ['process', 'host']) expect(value(`iot_cpu_usage_percent{scope="${scope}"}`)).toBe(0);
  });
});

describe('HostUsage', () => {
  it('measures CPU since the refresh before, in percent of one core', () => {
    const clock = new ManualClock();
    const usage = new HostUsage(clock);
    const before = process.cpuUsage();
    let burnt = 0;
    while (burnt < 50_000) burnt = process.cpuUsage(before).user;
    clock.advance(100);
    usage.refresh();
    expect(usage.current.process.cpuPercent).toBeGreaterThanOrEqual(50);
    expect(usage.current.host.cpuPercent).toBeLessThanOrEqual(100);
    usage.refresh();
    expect(usage.current.process.cpuPercent).toBe(0);
  });
});
