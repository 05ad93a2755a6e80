import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode } from './decode.ts';
import { RecordingSink } from './recording-sink.case.ts';

function run(text: string) {
  const sink = new RecordingSink();
  const fault = decode(Buffer.from(text), 'csv', sink);
  return { calls: sink.calls, messages: sink.messages, code: fault?.code };
}

describe('wide CSV', () => {
  it('is a time and one column per metric', () => {
    expect(run('ts,temperature,humidity\n1790000000000,21.5,40\n2026-09-21T10:00:00Z,22,\n').calls).toEqual([
      ['value', 0, 'temperature', 1_790_000_000_000, 21.5],
      ['value', 0, 'humidity', 1_790_000_000_000, 40],
      ['value', 1, 'temperature', '2026-09-21T10:00:00Z', 22],
    ]);
  });

  it.each(['ts', 'time', 'timestamp', 'date', 'Date'])('takes a column %s for the time', (name) => {
    expect(run(`a,${name}\n1,5`).calls).toEqual([['value', 0, 'a', 5, 1]]);
  });

  it('needs no time column', () => {
    expect(run('a,b\n1,2').calls).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['value', 0, 'b', undefined, 2],
    ]);
  });

  it('has numbers, booleans and text', () => {
    expect(run('a,b,c,d,e,f\n-1.5e3,TRUE,false,open,0x1f,1_000').calls.map((call) => call[4])).toEqual([
      -1500,
      true,
      false,
      'open',
      '0x1f',
      '1_000',
    ]);
  });

  it('hands NaN and infinities on as numbers that are none', () => {
    expect(run('a,b\nNaN,-inf').calls.map((call) => call[4])).toEqual([Number.NaN, Number.NaN]);
  });

  it('takes a byte order mark, carriage returns and blank lines', () => {
    expect(run('\uFEFFts,a\r\n\r\n5,1\r\n   \r\n6,2').calls).toEqual([
      ['value', 0, 'a', 5, 1],
      ['value', 1, 'a', 6, 2],
    ]);
  });

  it('rejects a row with the wrong number of fields, and takes the others', () => {
    const { calls, messages } = run('ts,a\n1,2\n3\n4,5,6\n7,8');
    expect(calls).toEqual([
      ['value', 0, 'a', 1, 2],
      ['reject', 1, 'payload.not_csv'],
      ['reject', 2, 'payload.not_csv'],
      ['value', 3, 'a', 7, 8],
    ]);
    expect(messages[0]).toBe('line 3: 1 fields where the header has 2');
  });
});

describe('long CSV', () => {
  it('is one metric per row', () => {
    expect(run('ts,metric,value,unit\n5,temperature,21.5,Cel\n6,door,true,\n').calls).toEqual([
      ['value', 0, 'temperature', 5, 21.5, 'Cel'],
      ['value', 1, 'door', 6, true],
    ]);
    expect(run('metric,value\na,1').calls).toEqual([['value', 0, 'a', undefined, 1]]);
  });

  it('rejects a row without a metric; one without a value says nothing', () => {
    expect(run('metric,value\n,1\na,\nb,2').calls).toEqual([
      ['reject', 0, 'payload.not_csv'],
      ['value', 2, 'b', undefined, 2],
    ]);
  });

  it('is wide when there are other columns', () => {
    expect(run('ts,metric,value,site\n1,a,2,x').calls.map((call) => call[2])).toEqual([
      'metric',
      'value',
      'site',
    ]);
  });
});

describe('quotes (RFC 4180)', () => {
  it('keep commas, line breaks, quotes and spaces', () => {
    expect(run('ts,"a,b","c ""d"""\n1," x,y ","two\nlines"\n2,"",3').calls).toEqual([
      ['value', 0, 'a,b', 1, ' x,y '],
      ['value', 0, 'c "d"', 1, 'two\nlines'],
      ['value', 1, 'c "d"', 2, 3],
    ]);
  });

  it.each([
    ['a\n"x"y\n1', 'something follows a closing quote'],
    ['a\nx"y\n1', 'a quote stands inside an unquoted field'],
  ])('that are wrong (%j) lose their row only', (text, reason) => {
    const { calls, messages } = run(text);
    expect(calls).toEqual([
      ['reject', 0, 'payload.not_csv'],
      ['value', 1, 'a', undefined, 1],
    ]);
    expect(messages[0]).toBe(`line 2: ${reason}`);
  });

  it('that are never closed lose their row only', () => {
    expect(run('a,b\n1,2\n"x,3\n4,5').calls).toEqual([
      ['value', 0, 'a', undefined, 1],
      ['value', 0, 'b', undefined, 2],
      ['reject', 1, 'payload.not_csv'],
      ['value', 2, 'a', undefined, 4],
      ['value', 2, 'b', undefined, 5],
    ]);
  });

  it('round-trip for any text', () => {
    const cell = fc.string({ unit: 'grapheme' }).map((text) => `!${text}`);
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, end) => {
          const text = ['a,"b"', ...rows.map((row) => row.map(quoted).join(','))].join(end);
          expect(run(text).calls).toEqual(
            rows.flatMap(([a, b], index) => [
              ['value', index, 'a', undefined, a],
              ['value', index, 'b', undefined, b],
            ]),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a header', () => {
  it.each([
    ['\n\n', 'payload.empty'],
    ['ts,a\n', 'payload.empty'],
    ['1,2\n3,4', 'payload.not_csv'],
    ['a,,b\n1,2,3', 'payload.not_csv'],
    ['a,a\n1,2', 'payload.not_csv'],
    ['ts\n1', 'payload.not_csv'],
    ['ts;a;b\n1;2;3', 'payload.not_csv'],
    ['"ts,a\n1,2', 'payload.not_csv'],
  ])('%j is refused with %s', (text, code) => {
    expect(run(text)).toMatchObject({ code, calls: [] });
  });
});
