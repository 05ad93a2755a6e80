import { describe, expect, it } from 'vitest';
import { commandsFault } from './command-rules.ts';
import { schemaRuleFault } from './schema-rules.ts';

describe('schemas of commands', () => {
  it.each([
    { type: 'object', properties: { a: { type: 'integer', minimum: 1 } }, required: ['a'] },
    { oneOf: [{ const: 1 }, { enum: ['a', null] }] },
    { type: ['string', 'null'], maxLength: 3, unit: 'Cel' },
    { type: 'array', prefixItems: [true], items: false, uniqueItems: true },
    {},
  ])('may be %j', (schema) => {
    expect(schemaRuleFault(schema, 'arguments')).toBeUndefined();
  });

  it.each([
    [{ $ref: 'http://192.0.2.1/schema.json' }, '$ref'],
    [{ properties: { a: { $dynamicRef: '#a' } } }, '$dynamicRef'],
    [{ pattern: '(a+)+$' }, 'pattern'],
    [{ patternProperties: {} }, 'patternProperties'],
    [{ type: 'text' }, 'type'],
    [{ minimum: '1' }, 'minimum'],
    [{ required: [1] }, 'required'],
    [{ anyOf: [] }, 'anyOf'],
    [JSON.parse('{"properties":{"__proto__":{}}}'), 'reserved'],
    [7, 'not a schema'],
  ])('may not be %j', (schema, why) => {
    expect(schemaRuleFault(schema, 'arguments')).toContain(why);
  });

  it('may not be nested for ever, or be large', () => {
    let deep: Record<string, unknown> = {};
    for (let level = 0; level < 100; level += 1) deep = { not: deep };
    expect(schemaRuleFault(deep, 'arguments')).toContain('nested');
    expect(commandsFault({ a: { arguments: { description: 'x'.repeat(20_000) } } })).toContain('larger');
  });

  it('belong to commands whose terms make sense', () => {
    expect(commandsFault({ a: { arguments: { type: 'array' } } })).toContain('an object');
    expect(commandsFault({ a: { delivery: 'at-most-once', retries: 1 } })).toContain('no retries');
    expect(commandsFault({ a: { timeout: '2d' } })).toContain('timeout');
    expect(commandsFault({ a: { expiry: '31d' } })).toContain('expiry');
    expect(commandsFault({ a: { expiry: '1d', timeout: '5m', retries: 3 } })).toBeUndefined();
  });
});
