import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import { PAYLOAD_FORMATS, type PayloadFormat } from '../../model/packet.ts';
import { decode } from './decode.ts';
import { RecordingSink } from './recording-sink.case.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function run(payload: Uint8Array | string, format: PayloadFormat = 'auto') {
  const sink = new RecordingSink();
  const fault = decode(
    typeof payload === 'string' ? bytes(payload) : payload,
    format,
    sink,
    1_790_000_000_000,
  );
  return { sink, code: fault?.code, fault };
}

describe('auto', () => {
  it('reads an object as telemetry', () => {
    expect(run('{"temperature":21.5}').sink.calls).toEqual([['value', 0, 'temperature', undefined, 21.5]]);
  });

  it('tells a SenML pack from an array of telemetry by its first record', () => {
    expect(run('[{"n":"t","v":1}]').sink.calls).toEqual([['value', 0, 't', undefined, 1]]);
    expect(run('[{"bn":"dev/","n":"t","v":1}]').sink.calls).toEqual([['value', 0, 'dev/t', undefined, 1]]);
    expect(run('[{"n":5,"v":1}]').sink.values).toEqual({ n: 5, v: 1 });
    expect(run('[{"v":230.1}]').sink.values).toEqual({ v: 230.1 });
  });

  it('takes an array of CBOR for SenML', () => {
    // [{0: "t", 2: 21.5}]
    expect(run(Uint8Array.from([0x81, 0xa2, 0x00, 0x61, 0x74, 0x02, 0xf9, 0x4d, 0x60])).sink.calls).toEqual([
      ['value', 0, 't', undefined, 21.5],
    ]);
  });

  it.each(['hello', 'true false', '<xml/>', '-'])('refuses %s as no JSON', (text) => {
    expect(run(text).code).toBe('payload.not_json');
  });
});

describe('a payload as a whole', () => {
  it.each(PAYLOAD_FORMATS)('is refused when it has no bytes (%s)', (format) => {
    expect(run('', format).code).toBe('payload.empty');
  });

  it.each(['json', 'ndjson', 'csv', 'senml+json'] as const)(
    'is refused when it is no UTF-8 (%s)',
    (format) => {
      const broken = Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
      expect(run(broken, format).code).toBe('payload.not_utf8');
    },
  );

  it('may contain a replacement character that was really sent', () => {
    expect(run('{"label":"\uFFFD"}').sink.values).toEqual({ label: '\uFFFD' });
  });

  it('may be a view into a larger buffer', () => {
    const chunk = bytes('xx{"a":1}xx');
    expect(run(chunk.subarray(2, chunk.length - 2)).sink.values).toEqual({ a: 1 });
  });

  it.each([
    ['json', `{${Array.from({ length: READINGS_PER_PACKET_MAX + 1 }, (_, i) => `"m${i}":1`).join(',')}}`],
    ['ndjson', '{"a":1}\n'.repeat(READINGS_PER_PACKET_MAX + 1)],
    ['csv', `a,b\n${'1,2\n'.repeat(READINGS_PER_PACKET_MAX / 2 + 1)}`],
    ['senml+json', `[{"bn":"a","v":1}${',{"v":1}'.repeat(READINGS_PER_PACKET_MAX)}]`],
  ] as const)('with too many readings is refused before the first is handed on (%s)', (format, text) => {
    const { sink, code } = run(text, format);
    expect(code).toBe('payload.too_many');
    expect(sink.calls).toHaveLength(0);
  });

  it.each([
    ['json', `[${'1,'.repeat(READINGS_PER_PACKET_MAX)}1]`],
    ['ndjson', 'x\n'.repeat(READINGS_PER_PACKET_MAX + 1)],
    ['csv', `a\n${'x"\n'.repeat(READINGS_PER_PACKET_MAX + 1)}`],
    ['senml+json', `[${'1,'.repeat(READINGS_PER_PACKET_MAX)}1]`],
  ] as const)('with too many bad items is refused as a whole, too (%s)', (format, text) => {
    expect(run(text, format)).toMatchObject({ code: 'payload.too_many', sink: { calls: [] } });
  });

  it('with too many records of CBOR is refused as they are read', () => {
    const maps = new Uint8Array(READINGS_PER_PACKET_MAX + 3).fill(0xa0);
    maps[0] = 0x9f;
    maps[READINGS_PER_PACKET_MAX + 2] = 0xff;
    expect(run(maps)).toMatchObject({ code: 'payload.too_many', sink: { calls: [] } });
  });

  it('with exactly as many readings as allowed is taken', () => {
    const { sink, code } = run('{"a":1}\n'.repeat(READINGS_PER_PACKET_MAX), 'ndjson');
    expect(code).toBeUndefined();
    expect(sink.calls).toHaveLength(READINGS_PER_PACKET_MAX);
  });
});

describe('hostile bytes', () => {
  const format = fc.constantFrom(...PAYLOAD_FORMATS);

  it('never make decode throw, and a refused payload has handed nothing on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), format, (payload, as) => {
        const { sink, fault } = run(payload, as);
        if (fault !== undefined) expect(sink.calls).toHaveLength(0);
      }),
      { numRuns: 3_000 },
    );
  });

  it('never make decode throw when they look like the real thing', () => {
    const text = fc.oneof(
      fc.json(),
      fc
        .array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\n', 'bn', 'n', 'v', '"v":1', '1', ' '))
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(text, format, (payload, as) => {
        const { sink, fault } = run(payload, as);
        if (fault !== undefined) expect(sink.calls).toHaveLength(0);
        // Every payload ends in something: an error, a value, a rejection or a pack of base fields alone.
        else if (as === 'json') expect(sink.calls.length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['brackets', '['.repeat(1_000_000)],
    ['closed brackets', '['.repeat(500_000) + ']'.repeat(500_000)],
    ['nested objects', `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`],
    ['one long name', `{"${'x'.repeat(1_000_000)}":1}`],
    ['one long number', `{"a":${'9'.repeat(1_000_000)}}`],
    ['quotes', '"'.repeat(1_000_000)],
    ['escapes', `"${'\\'.repeat(1_000_000)}`],
    ['spaces', ' '.repeat(1_000_000)],
    ['commas', ','.repeat(1_000_000)],
    ['bad lines', 'x\n'.repeat(500_000)],
    ['bad items', `[${'1,'.repeat(499_999)}1]`],
  ])('of one megabyte (%s) end in a typed error or rejection', (_name, text) => {
    for (const as of PAYLOAD_FORMATS) {
      const { sink, fault } = run(text, as);
      if (fault !== undefined) expect(fault.message.length).toBeLessThan(200);
      for (const message of sink.messages) expect(message.length).toBeLessThan(300);
    }
  });

  it('of CBOR that claim great lengths are refused without being believed', () => {
    for (const major of [0x40, 0x60, 0x80, 0xa0]) {
      const claim = Uint8Array.from([0x81, major | 27, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
      expect(run(claim).code).toBe('payload.not_cbor');
    }
    expect(run(new Uint8Array(1_000_000).fill(0x81)).code).toBe('payload.not_cbor');
  });

  it('with a long SenML base name cost its length once, not per record', () => {
    const pack = `[{"bn":"${'x'.repeat(400_000)}","v":1}${',{"v":1}'.repeat(50_000)}]`;
    const { sink, code } = run(pack, 'senml+json');
    expect(code).toBeUndefined();
    expect(sink.rejects).toHaveLength(50_001);
    expect(sink.rejects[0]).toEqual([0, 'reading.name']);
  });
});
