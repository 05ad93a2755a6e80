import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitJson } from './json.ts';
import { scanJson } from './json-scan.ts';
import type { ValueSink } from './sink.ts';

class Calls implements ValueSink {
  readonly list: unknown[][] = [];
  value(...call: unknown[]): void {
    this.list.push(call);
  }
  reject(...call: unknown[]): void {
    this.list.push(call);
  }
}

/** What the scanner hands on; undefined = it left the message to the parser. */
function scanned(text: string): unknown[][] | undefined {
  const calls = new Calls();
  const isDone = scanJson(Buffer.from(text), calls);
  if (!isDone) expect(calls.list).toEqual([]);
  return isDone ? calls.list : undefined;
}

/** The same by JSON.parse; undefined = it is no JSON, or carries nothing. */
function parsed(text: string): unknown[][] | undefined {
  const calls = new Calls();
  try {
    return emitJson(JSON.parse(text), calls, false) === undefined ? calls.list : undefined;
  } catch {
    return undefined;
  }
}

const plainName = fc.stringMatching(/^[a-zA-Z_ ][a-zA-Z0-9_ .:-]{0,8}$/);
const scalar = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.stringMatching(/^[ !#-[\]-~]{0,12}$/),
);
const flat = fc.dictionary(plainName, scalar, { minKeys: 1, maxKeys: 8 });
const enveloped = fc.record(
  { t: scalar, ts: scalar, values: flat, after: scalar },
  { requiredKeys: ['values'] },
);
const anySpaces = fc.constantFrom(undefined, 1, '\t', ' \r\n');

describe('a message read from its bytes', () => {
  it('hands on what JSON.parse would, to the last bit', () => {
    fc.assert(
      fc.property(fc.oneof(flat, enveloped), anySpaces, (message, space) => {
        const text = JSON.stringify(message, undefined, space);
        const expected = parsed(text);
        if (expected !== undefined) expect(scanned(text)).toStrictEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads numbers as the engine does, however they are written', () => {
    const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,20})$/);
    const number = fc
      .tuple(
        fc.constantFrom('', '-'),
        digits,
        fc.stringMatching(/^(\.[0-9]{1,24})?$/),
        fc.stringMatching(/^([eE][+-]?[0-9]{1,3})?$/),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(number, (text) => {
        expect(scanned(`{"a":${text}}`)?.[0]?.[3]).toBe(Number(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('takes nothing of a damaged message that the parser would not take', () => {
    const damage = fc.record({
      at: fc.nat(),
      by: fc.constantFrom('', '"', '\\', '{', '}', ',', ':', '0', 'é', '\n', '-', '.', 'e', '['),
    });
    fc.assert(
      fc.property(fc.oneof(flat, enveloped), damage, (message, { at, by }) => {
        const text = JSON.stringify(message);
        const cut = at % (text.length + 1);
        const damaged = text.slice(0, cut) + by + text.slice(cut + 1);
        const found = scanned(damaged);
        if (found !== undefined) expect(found).toStrictEqual(parsed(damaged));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    '{"values":{"a":1},"values":2}',
    '{"a":1,"a":2}',
    '{"b":1,"1":2}',
    '{"a":[1]}',
    '{"a":{"b":1}}',
    '{"a":1,"ts":1,"ts":2}',
    String.raw`{"a":"\u0041"}`,
    '{"ä":1}',
    '{"ts":1}',
    '{"values":{}}',
    '{}',
    '[{"a":1}]',
    '{"a":01}',
    '{"a":1.}',
    '{"a":1e}',
    '{"a":1} {',
    '{"a":1,}',
    '{"a"',
    '\uFEFF{"a":1}',
  ])('leaves %s to the parser', (text) => {
    expect(scanned(text)).toBeUndefined();
  });

  it('leaves what has more members than it holds to the parser', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`m${index}`, index]));
    expect(scanned(JSON.stringify(many))).toBeUndefined();
  });

  it('takes an envelope behind a member of the same name', () => {
    expect(scanned('{"values":1,"values":{"a":2},"ts":3}')).toEqual([[0, 'a', 3, 2]]);
  });
});
