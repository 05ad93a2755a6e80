import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyTemplate, compileTemplate } from './homeassistant-template.ts';

function render(text: string, source: unknown): unknown {
  const template = compileTemplate(text);
  return template === undefined ? 'not understood' : applyTemplate(template, source);
}

describe('templates of the subset', () => {
  it.each([
    ['{{ value }}', '21.5', '21.5'],
    ['{{value}}', 'x', 'x'],
    ['{{- value -}}', 'x', 'x'],
    ['{{ value | float }}', '21.5', 21.5],
    ['{{ value | int }}', '21.9', 21],
    ['{{ value|float|round(1) }}', '21.55', 21.6],
    ['{{ value | round }}', '21.55', 22],
    ['{{ value_json.a }}', { a: 5 }, 5],
    ['{{ value_json.a.b }}', { a: { b: true } }, true],
    ['{{ value_json[\'a b\']["c"] }}', { 'a b': { c: 'x' } }, 'x'],
    ['{{ value_json[1].n }}', [0, { n: 7 }], 7],
    ['{{ value_json.a | default(0) }}', {}, 0],
    ["{{ value_json.a | default('none') }}", { a: null }, 'none'],
    ['{{ value_json.a | float(0) }}', { a: 'x' }, 0],
    ['{{ value_json.a | is_defined }}', { a: 1 }, 1],
    ["{{ value_json['a|b'] | int }}", { 'a|b': '3' }, 3],
    ['{{ value_json.a }}', 5, undefined],
    ['{{ value_json.a.b.c }}', { a: 1 }, undefined],
    ['{{ value_json.constructor }}', {}, undefined],
    ['{{ value_json.__proto__ }}', {}, undefined],
    ['{{ value_json.length }}', 'text', undefined],
  ])('%s of %j is %j', (text, source, value) => {
    expect(render(text, source)).toEqual({ value });
  });

  it('say so when a filter needs a number', () => {
    expect(render('{{ value | float }}', 'warm')).toEqual({ fault: 'the filter float needs a number' });
    expect(render('{{ value | round(2) }}', '')).toEqual({ fault: 'the filter round needs a number' });
  });
});

describe('templates beyond it', () => {
  it.each([
    '',
    'plain',
    '{{ }}',
    '{{ value_json.a / 10 }}',
    '{{ value_json.a }}{{ value_json.b }}',
    '{% if value_json.output %}on{% else %}off{% endif %}',
    '{{ states("sensor.x") }}',
    '{{ value_json.a | multiply(0.1) }}',
    '{{ value.__class__ }}',
    '{{ value_json.a() }}',
    '{{ value_json[a] }}',
    '{{ value_json..a }}',
    '{{ value | round(-1) }}',
    '{{ value | round(99) }}',
    '{{ value | default(value_json.b) }}',
    "{{ value_json['a\\'b'] }}",
    `{{ value_json.${'a'.repeat(600)} }}`,
  ])('%s are not understood', (text) => {
    expect(compileTemplate(text)).toBeUndefined();
  });

  it('never throw, whatever they are made of', () => {
    const part = fc.constantFrom(
      '{{',
      '}}',
      ' value',
      'value_json',
      '.a',
      '[0]',
      "['k']",
      '|',
      'float',
      'round',
      '(',
      ')',
      '1',
      "'",
      '"',
      '\\',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), fc.json(), (parts, json) => {
        render(parts.join(''), JSON.parse(json));
      }),
      { numRuns: 3_000 },
    );
  });
});
