import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FUTURE_TOLERANCE_MS, TIMESTAMP_MIN_MS } from '../../base/limits.ts';
import { PAYLOAD_FORMATS } from '../../model/packet.ts';
import { facts, NOW, packet, pipelineKit } from '../test-kit.ts';

const origins = ['d', 'gw', 'z2m', 'tas', 'gone', '@admin'];

const topic = fc.oneof(
  fc
    .tuple(fc.constantFrom(...origins, 'c'), fc.constantFrom('telemetry', 'attributes', 'twin/reported'))
    .map(([device, leaf]) => `v1/${device}/${leaf}`),
  fc.tuple(fc.constantFrom('d', 'gw', 'z2m'), fc.string({ maxLength: 8 })).map(([gateway, child]) => {
    return `v1/${gateway}/children/${child.replaceAll('/', '')}/telemetry`;
  }),
  fc.constantFrom(
    'zigbee2mqtt/Lamp',
    'zigbee2mqtt/bridge/devices',
    'tele/tas/SENSOR',
    'stat/tas/RESULT',
    'x',
    '',
  ),
);

const payload = fc.oneof(
  fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
  fc
    .dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.double(), fc.boolean(), fc.string(), fc.jsonValue()))
    .map((values) => Buffer.from(JSON.stringify(values))),
  fc
    .array(
      fc.record({
        ts: fc.oneof(fc.double(), fc.date().map(String)),
        values: fc.dictionary(fc.string(), fc.float()),
      }),
    )
    .map((items) => Buffer.from(JSON.stringify(items))),
  fc.uint8Array({ maxLength: 64 }),
  fc.constant(Buffer.from('ts,t\n1,2\n')),
);

it('counts every packet exactly once, whatever it is, and lets only sound readings through', () => {
  const kit = pipelineKit();
  kit.known.put(facts('d'));
  kit.known.put(facts('gw', { gateway: true }));
  kit.known.put(facts('z2m', { preset: 'zigbee2mqtt' }));
  kit.known.put(facts('tas', { preset: 'tasmota' }));
  let sent = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...origins),
      topic,
      payload,
      fc.constantFrom(...PAYLOAD_FORMATS),
      (origin, on, bytes, format) => {
        kit.take({ ...packet(origin, on, bytes), format });
        sent += 1;
        const { packets, stored, forwarded, quarantined } = kit.batch;
        expect(packets).toBe(sent);
        expect(stored + forwarded + quarantined).toBe(sent);
        expect(kit.bugs).toEqual([]);
      },
    ),
    { numRuns: 3_000 },
  );
  const { numbers } = kit.batch;
  for (let row = 0; row < numbers.size; row += 1) {
    expect(Number.isFinite(numbers.value[row])).toBe(true);
    expect(numbers.ts[row]).toBeGreaterThanOrEqual(TIMESTAMP_MIN_MS);
    expect(numbers.ts[row]).toBeLessThanOrEqual(NOW + FUTURE_TOLERANCE_MS);
  }
  expect(kit.batch.stored).toBeGreaterThan(0);
  expect(kit.batch.quarantined).toBeGreaterThan(0);
});
