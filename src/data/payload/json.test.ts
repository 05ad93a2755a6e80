import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JSON_DEPTH_MAX } from '../../base/limits.ts';
import { decode } from './decode.ts';
import { RecordingSink } from './recording-sink.case.ts';

function run(text: string, format: 'json' | 'ndjson' = 'json') {
  const sink = new RecordingSink();
  const fault = decode(Buffer.from(text), format, sink);
  return { sink, calls: sink.calls, code: fault?.code, message: fault?.message };
}

describe('JSON telemetry', () => {
  it('is flat, with the time of receipt', () => {
    expect(run('{"temperature":21.5,"ok":true,"mode":"eco"}').calls).toEqual([
      ['value', 0, 'temperature', undefined, 21.5],
      ['value', 0, 'ok', undefined, true],
      ['value', 0, 'mode', undefined, 'eco'],
    ]);
  });

  it('is flat with a ts beside the metrics', () => {
    expect(run('{"ts":1790000000000,"temperature":21.5}').calls).toEqual([
      ['value', 0, 'temperature', 1_790_000_000_000, 21.5],
    ]);
  });

  it('has its metrics in values', () => {
    expect(run('{"ts":1790000000000,"values":{"a":1,"ts":2}}').calls).toEqual([
      ['value', 0, 'a', 1_790_000_000_000, 1],
      ['value', 0, 'ts', 1_790_000_000_000, 2],
    ]);
    expect(run('{"values":{"a":1}}').calls).toEqual([['value', 0, 'a', undefined, 1]]);
  });

  it('may call a metric values where it is no object', () => {
    expect(run('{"values":7}').calls).toEqual([['value', 0, 'values', undefined, 7]]);
  });

  it('is an array of both forms, item by item', () => {
    expect(
      run('[{"a":1},{"ts":5,"values":{"b":2}},3,null,[],{},{"values":{}},{"values":{"c":1},"x":2}]').calls,
    ).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['value', 1, 'b', 5, 2],
      ['reject', 2, 'payload.shape'],
      ['reject', 3, 'payload.shape'],
      ['reject', 4, 'payload.shape'],
      ['reject', 5, 'payload.empty'],
      ['reject', 6, 'payload.empty'],
      ['value', 7, 'c', undefined, 1],
    ]);
  });

  it('leaves alone what a sender adds to the envelope', () => {
    expect(run('{"id":"42","ts":5,"values":{"a":1}}').calls).toEqual([['value', 0, 'a', 5, 1]]);
  });

  it.each([
    ['  \n ', 'payload.empty'],
    ['{}', 'payload.empty'],
    ['[]', 'payload.empty'],
    ['{"ts":1}', 'payload.empty'],
    ['{"values":{}}', 'payload.empty'],
    ['21.5', 'payload.shape'],
    ['"text"', 'payload.shape'],
    ['null', 'payload.shape'],
    ['{"a":NaN}', 'payload.not_json'],
  ])('%s is refused with %s', (text, code) => {
    expect(run(text).code).toBe(code);
  });

  it('hands on what is no reading for validation to name', () => {
    const { calls } = run('{"a":null,"b":[1],"c":{"d":1},"e":1e999,"__proto__":{"x":1},"constructor":1}');
    expect(calls.map((call) => call[2])).toEqual(['a', 'b', 'c', 'e', '__proto__', 'constructor']);
    expect(calls[3]).toEqual(['value', 0, 'e', undefined, Number.POSITIVE_INFINITY]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('keeps the last of two values with one name', () => {
    expect(run('{"a":1,"a":2}').calls).toEqual([['value', 0, 'a', undefined, 2]]);
  });

  it('refuses a value nested too deeply, and takes its neighbours', () => {
    const nested = '['.repeat(JSON_DEPTH_MAX + 1) + ']'.repeat(JSON_DEPTH_MAX + 1);
    expect(run(`{"a":1,"deep":${nested},"b":2}`).calls).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['reject', 0, 'payload.too_deep'],
      ['value', 0, 'b', undefined, 2],
    ]);
  });

  it('gives the values that JSON.parse gives, for any object', () => {
    const metric = fc.string().filter((name) => name !== 'ts' && name !== 'values' && name !== '__proto__');
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.string(),
      fc.constant(null),
    );
    const item = fc.dictionary(metric, value, { minKeys: 1 });
    const items = fc.array(fc.record({ ts: fc.option(fc.nat()), values: item, flat: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(items, (wanted) => {
        const sent = wanted.map(({ ts, values, flat }) =>
          flat ? { ts: ts ?? undefined, ...values } : { ts: ts ?? undefined, values },
        );
        const text = JSON.stringify(sent);
        const expected = wanted.flatMap(({ ts, values }, index) =>
          Object.entries(JSON.parse(JSON.stringify(values))).map(([name, each]) => [
            'value',
            index,
            name,
            ts ?? undefined,
            each,
          ]),
        );
        expect(run(text).calls).toEqual(expected);
        const lines = sent.map((each) => JSON.stringify(each)).join('\r\n');
        expect(run(lines, 'ndjson').calls).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the message of a JSON error', () => {
  it.each([
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ["{'a':1}", 1],
    ['{"a":tru}', 5],
    ['{"a":01}', 6],
    ['[1,2', 4],
    ['{"a":"x\ny"}', 7],
    ['{"a":"\\q"}', 6],
    ['{"a":1} x', 8],
    ['[}', 1],
    ['{"a":{"b":[1,{"c":-}]}}', 18],
    ['{"a":1', 6],
    ['{"a":"\u0080\u007f\u0001"}', 8],
    ['{"a":"abc', 9],
  ])('of %s names position %i', (text, position) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(run(text).message).toContain(`at position ${position} `);
  });

  it('says so when the fault is far in', () => {
    const far = `[${'1,'.repeat(100_000)}oops]`;
    expect(run(far).message).toContain('after position');
  });

  it('names line and column', () => {
    expect(run('{\n  "a": 1,\n  "b": oops\n}').message).toContain('(line 3, column 8)');
  });

  it('never points behind the place that V8 names', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', ']', '"', ':', 'x', '\\', '1'))
      .map(([text, at, put]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + 1);
      });
    fc.assert(
      fc.property(broken, (text) => {
        if (text.trim() === '') return;
        let reason = '';
        try {
          JSON.parse(text);
          return;
        } catch (cause) {
          reason = String(cause);
        }
        const theirs = /at position (\d+)/.exec(reason)?.[1];
        const ours = /at position (\d+)/.exec(run(text).message ?? '')?.[1];
        expect(ours).toBeDefined();
        // Inside bad strings and numbers V8 points at the character, we at the last good token; never later.
        if (theirs !== undefined) expect(Number(ours)).toBeLessThanOrEqual(Number(theirs));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('NDJSON', () => {
  it('rejects a bad line by index and takes the others', () => {
    const { calls, sink } = run('{"a":1}\r\n\n{"a":\n  \n[1]\n{"ts":5,"values":{"b":2}}', 'ndjson');
    expect(calls).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['reject', 1, 'payload.not_json'],
      ['reject', 2, 'payload.shape'],
      ['value', 3, 'b', 5, 2],
    ]);
    expect(sink.messages[0]).toContain('line 3:');
  });

  it('is empty when all lines are blank', () => {
    expect(run(' \n\r\n\t', 'ndjson').code).toBe('payload.empty');
  });
});
