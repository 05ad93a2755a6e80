import { Encoder, encode } from 'cbor-x';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PayloadFormat } from '../../model/packet.ts';
import { decode } from './decode.ts';
import { RecordingSink } from './recording-sink.case.ts';

const NOW = 1_790_000_000_000;

function run(pack: unknown, now: number | undefined = NOW) {
  const sink = new RecordingSink();
  const fault = decode(Buffer.from(JSON.stringify(pack)), 'senml+json', sink, now);
  return { calls: sink.calls, values: sink.values, rejects: sink.rejects, code: fault?.code };
}

function runBytes(payload: Uint8Array, format: PayloadFormat = 'senml+cbor') {
  const sink = new RecordingSink();
  const fault = decode(payload, format, sink, NOW);
  return { calls: sink.calls, code: fault?.code, message: fault?.message };
}

const OW = 'urn:dev:ow:10e2073a01080063';

describe('the examples of RFC 8428, section 5', () => {
  it('5.1.1, a single data point', () => {
    expect(run([{ n: OW, u: 'Cel', v: 23.1 }]).calls).toEqual([['value', 0, OW, undefined, 23.1, 'Cel']]);
  });

  it('5.1.2, multiple data points with a base name', () => {
    const pack = [
      { bn: `${OW}:`, n: 'voltage', u: 'V', v: 120.1 },
      { n: 'current', u: 'A', v: 1.2 },
    ];
    expect(run(pack).calls).toEqual([
      ['value', 0, `${OW}:voltage`, undefined, 120.1, 'V'],
      ['value', 1, `${OW}:current`, undefined, 1.2, 'A'],
    ]);
  });

  it('5.1.2, with base time, base unit and an older version', () => {
    const bn = 'urn:dev:ow:10e2073a0108006:';
    const pack = [
      { bn, bt: 1.276020076001e9, bu: 'A', bver: 5, n: 'voltage', u: 'V', v: 120.1 },
      { n: 'current', t: -5, v: 1.2 },
      { n: 'current', t: -4, v: 1.3 },
      { n: 'current', v: 1.7 },
    ];
    expect(run(pack).calls).toEqual([
      ['value', 0, `${bn}voltage`, 1_276_020_076_001, 120.1, 'V'],
      ['value', 1, `${bn}current`, 1_276_020_071_001, 1.2, 'A'],
      ['value', 2, `${bn}current`, 1_276_020_072_001, 1.3, 'A'],
      ['value', 3, `${bn}current`, 1_276_020_076_001, 1.7, 'A'],
    ]);
  });

  it('5.1.3, several measurements of one name', () => {
    const pack = [
      { bn: `${OW}:`, bt: 1.320067464e9, bu: '%RH', v: 20 },
      { u: 'lon', v: 24.30621 },
      { t: 60, v: 20.3 },
      { u: '%EL', t: 150, v: 98 },
    ];
    expect(run(pack).calls).toEqual([
      ['value', 0, `${OW}:`, 1_320_067_464_000, 20, '%RH'],
      ['value', 1, `${OW}:`, 1_320_067_464_000, 24.30621, 'lon'],
      ['value', 2, `${OW}:`, 1_320_067_524_000, 20.3, '%RH'],
      ['value', 3, `${OW}:`, 1_320_067_614_000, 98, '%EL'],
    ]);
  });

  it('5.1.5, different data types; data itself is no reading', () => {
    const pack = [
      { bn: `${OW}:`, n: 'temp', u: 'Cel', v: 23.1 },
      { n: 'label', vs: 'Machine Room' },
      { n: 'open', vb: false },
      { n: 'nfc-reader', vd: 'aGkgCg' },
    ];
    expect(run(pack).calls).toEqual([
      ['value', 0, `${OW}:temp`, undefined, 23.1, 'Cel'],
      ['value', 1, `${OW}:label`, undefined, 'Machine Room'],
      ['value', 2, `${OW}:open`, undefined, false],
      ['reject', 3, 'reading.type'],
    ]);
  });

  it('5.1.6, a collection of resources with a second base name', () => {
    const pack = [
      { bn: '2001:db8::2/', bt: 1.320078429e9, n: 'temperature', u: 'Cel', v: 25.2 },
      { n: 'humidity', u: '%RH', v: 30 },
      { bn: '2001:db8::1/', n: 'temperature', u: 'Cel', v: 12.3 },
    ];
    expect(run(pack).calls.map((call) => [call[2], call[3]])).toEqual([
      ['2001:db8::2/temperature', 1_320_078_429_000],
      ['2001:db8::2/humidity', 1_320_078_429_000],
      ['2001:db8::1/temperature', 1_320_078_429_000],
    ]);
  });

  it('section 6, the same in CBOR, byte by byte', () => {
    const hex = [
      '82', // array of 2
      'a7 21 78 1b 75726e3a6465763a6f773a3130653230373361303130383030363a', // bn
      '22 fb 41d303a15b001062', // bt 1276020076.001
      '23 61 41 20 05 00 67 766f6c74616765 01 61 56 02 fb 405e066666666666',
      'a3 00 67 63757272656e74 06 24 02 fb 3ff3333333333333', // current, t -5, v 1.2
    ].join('');
    expect(runBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex')).calls).toEqual([
      ['value', 0, 'urn:dev:ow:10e2073a0108006:voltage', 1_276_020_076_001, 120.1, 'V'],
      ['value', 1, 'urn:dev:ow:10e2073a0108006:current', 1_276_020_071_001, 1.2, 'A'],
    ]);
  });
});

describe('resolution', () => {
  it('adds base value and base sum, and gives sums their own metric', () => {
    const pack = [
      { bn: 'm/', bv: 100, bs: 1_000, bu: 'W', n: 'power', v: 5 },
      { n: 'energy', s: 10 },
      { n: 'both', u: 'A', v: -1, s: 2 },
      { n: 'text', vs: 'x' },
    ];
    expect(run(pack).calls).toEqual([
      ['value', 0, 'm/power', undefined, 105, 'W'],
      ['value', 1, 'm/energy.sum', undefined, 1_010, 'W.s'],
      ['value', 2, 'm/both', undefined, 99, 'A'],
      ['value', 2, 'm/both.sum', undefined, 1_002, 'A.s'],
      ['value', 3, 'm/text', undefined, 'x', 'W'],
    ]);
  });

  it('takes times below 2^28 seconds as relative to now (§4.5.3)', () => {
    const limit = 2 ** 28;
    const pack = [
      { n: 'a', v: 1 },
      { n: 'a', t: -30.5, v: 1 },
      { n: 'a', t: limit - 1, v: 1 },
      { n: 'a', t: limit, v: 1 },
    ];
    expect(run(pack).calls.map((call) => call[3])).toEqual([
      undefined,
      NOW - 30_500,
      NOW + (limit - 1) * 1_000,
      limit * 1_000,
    ]);
    const sink = new RecordingSink();
    decode(Buffer.from(JSON.stringify(pack.slice(0, 2))), 'senml+json', sink);
    expect(sink.calls).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['reject', 1, 'reading.timestamp'],
    ]);
  });

  it('takes a record of base fields alone as saying how to read the next ones', () => {
    expect(run([{ bn: 'x:' }, { n: 'a', v: 1 }]).calls).toEqual([['value', 1, 'x:a', undefined, 1]]);
  });

  it('ignores fields it does not know', () => {
    expect(run([{ n: 'a', v: 1, ut: 60, l: '[]', other: {} }]).calls).toHaveLength(1);
  });
});

describe('a pack', () => {
  it.each([
    [
      [
        { n: 'a', v: 1 },
        { n: 'b', v: 2, must_: 1 },
      ],
      'payload.not_senml',
    ],
    [
      [
        { n: 'a', v: 1 },
        { bver: 11, n: 'b', v: 2 },
      ],
      'payload.not_senml',
    ],
    [[{ bver: '10', n: 'b', v: 2 }], 'payload.not_senml'],
    [[{ bn: 5, n: 'b', v: 2 }], 'payload.not_senml'],
    [[{ bt: 'now', n: 'b', v: 2 }], 'payload.not_senml'],
    [{ n: 'a', v: 1 }, 'payload.not_senml'],
    [[], 'payload.empty'],
  ])('%j is refused as a whole with %s', (pack, code) => {
    expect(run(pack)).toMatchObject({ code, calls: [] });
  });

  it('is refused record by record where a record is wrong by itself', () => {
    const pack = [
      { n: 'good', v: 1 },
      { n: '_bad', v: 1 },
      { v: 1 },
      { n: 'a', v: '1' },
      { n: 'a', vs: 1 },
      { n: 'a', vb: 'true' },
      { n: 'a', v: 1, vs: 'x' },
      { n: 'a' },
      { n: 'a', t: 'now', v: 1 },
      { n: 'a', u: 5, v: 1 },
      7,
      { n: 'a', s: '1' },
      { n: 'also/good', vb: true },
    ];
    const { rejects, values } = run(pack);
    expect(values).toEqual({ good: 1, 'also/good': true });
    expect(rejects).toEqual([
      [1, 'reading.name'],
      [2, 'reading.name'],
      [3, 'reading.type'],
      [4, 'reading.type'],
      [5, 'reading.type'],
      [6, 'payload.not_senml'],
      [7, 'payload.not_senml'],
      [8, 'payload.not_senml'],
      [9, 'payload.not_senml'],
      [10, 'payload.not_senml'],
      [11, 'reading.type'],
    ]);
  });
});

describe('CBOR', () => {
  const plain = new Encoder({ useRecords: false });
  const LABELS: Readonly<Record<string, number>> = {
    bn: -2,
    bt: -3,
    bu: -4,
    bv: -5,
    n: 0,
    u: 1,
    v: 2,
    vs: 3,
    vb: 4,
    s: 5,
    t: 6,
  };

  it('gives what the same pack gives in JSON, whichever encoder wrote it', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9/.-]{0,12}$/);
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.float({ noNaN: true, noDefaultInfinity: true }),
    );
    const value = fc.oneof(
      number.map((v) => ({ v })),
      fc.string().map((vs) => ({ vs })),
      fc.boolean().map((vb) => ({ vb })),
    );
    const record = fc.tuple(
      fc.record(
        {
          bn: name,
          bt: fc.integer({ min: 2 ** 28, max: 2 ** 32 }),
          bv: fc.integer(),
          u: name,
          t: fc.nat(1_000),
        },
        { requiredKeys: [] },
      ),
      name,
      value,
    );
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 6 }), fc.boolean(), (records, byLabel) => {
        // -0 is lost in JSON text.
        const pack: Record<string, unknown>[] = JSON.parse(
          JSON.stringify(records.map(([base, n, each]) => ({ ...base, n, ...each }))),
        );
        const payload = byLabel
          ? encode(pack.map((each) => new Map(Object.entries(each).map(([key, v]) => [LABELS[key], v]))))
          : plain.encode(pack);
        expect(runBytes(payload).calls).toEqual(run(pack).calls);
      }),
      { numRuns: 500 },
    );
  });

  it('may use strings and arrays of indefinite length, halves, fractions and the self-describing tag', () => {
    const hex = 'd9d9f7 9f bf 00 7f 62 6162 61 63 ff 02 f9 3e00 ff a2 00 61 64 02 c4 82 21 19 0929 ff';
    expect(runBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex')).calls).toEqual([
      ['value', 0, 'abc', undefined, 1.5],
      ['value', 1, 'd', undefined, 23.45],
    ]);
  });

  it.each([
    ['nothing after the array head', '82'],
    ['more after the pack', '81a2006161020100'],
    ['a text that is no UTF-8', '81a20061ff0201'],
    ['a regular expression tag', '81a2006161' + '02d81b8361615f00'.slice(0, 4) + '8263526567'],
    ['a break without a start', 'ff'],
    ['a chunk of another type', '817f4161ff'],
    ['a reserved length', '9c'],
    ['an array as key', '81a1800101'],
    ['undefined simple values', '81a20061610 2f8ff'.replace(' ', '')],
  ])('with %s is refused', (_name, hex) => {
    expect(runBytes(Buffer.from(hex, 'hex')).code).toBe('payload.not_cbor');
  });

  it('that is no array is no pack', () => {
    expect(runBytes(Buffer.from('a2006161 0201'.replace(' ', ''), 'hex')).code).toBe('payload.not_senml');
  });
});
