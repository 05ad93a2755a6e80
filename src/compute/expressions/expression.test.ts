import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXPRESSION_MAX_CHARS, EXPRESSION_STEPS_MAX } from '../../base/limits.ts';
import { compileExpression, type Scope } from './expression.ts';

const variables = { value: 'number', on: 'boolean', text: 'string', ts: 'time' } as const;
const compiled = (source: string, result: 'number' | 'boolean' = 'number') =>
  compileExpression({ source, variables, result });

function evaluated(source: string, scope: Scope, result: 'number' | 'boolean' = 'number'): unknown {
  const made = compiled(source, result);
  return made.ok ? made.value.evaluate(scope) : made.error.code;
}

describe('an expression', () => {
  it.each<[string, Scope, unknown]>([
    ['value * 1.8 + 32.0', { value: 100 }, 212],
    ['(value - 32.0) / 1.8', { value: 32 }, 0],
    ['value > 10.0 ? 1.0 : -1.0', { value: 0 }, -1],
    ['on ? 1 : 0', { on: true }, 1],
    ['text == "ON" ? 1.0 : 0.0', { text: 'ON' }, 1],
    ['double(text.substring(0, text.indexOf(" ")))', { text: '21.5 C' }, 21.5],
    ['double(ts.getHours()) + value', { ts: new Date('2026-09-21T07:30:00Z'), value: 0.5 }, 7.5],
    ['math.greatest(math.abs(value), math.pow(2.0, 3.0))', { value: -9 }, 9],
    ['math.ln(math.exp(value))', { value: 2 }, 2],
    ['[1.0, 2.0, 4.0].exists(x, x == value) ? value : 0.0', { value: 4 }, 4],
    ['double([1.0, 2.0].map(x, x * value).size())', { value: 4 }, 2],
    ['value in [1.0, 2.0] ? 1.0 : 0.0', { value: 2 }, 1],
  ])('%s of %o is %s', (source, scope, expected) => {
    expect(evaluated(source, scope)).toBe(expected);
  });

  it('gives a boolean where one is asked for', () => {
    expect(evaluated('value > 1.0 && !on', { value: 2, on: false }, 'boolean')).toBe(true);
    expect(evaluated('value', { value: 2 }, 'boolean')).toBe('expression.invalid');
  });

  it('says why it has no value, instead of throwing', () => {
    expect(evaluated('1.0 / value', { value: 0 })).toBe('gives Infinity');
    expect(evaluated('math.sqrt(value)', { value: -1 })).toBe('gives NaN');
    expect(evaluated('1 / int(value)', { value: 0 })).toBe('division by zero');
    expect(evaluated('double(text)', { text: 'warm' })).toMatch(/cannot convert/);
    expect(evaluated('text.substring(5) == "" ? 1.0 : 0.0', { text: '' })).toMatch(/out of range/);
    expect(evaluated('value + 1.0', {})).toMatch(/value/);
  });

  it('agrees with JavaScript on arithmetic', () => {
    const leaf = fc.oneof(
      fc.constant('value'),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e6 }).map((x) => x.toFixed(3)),
    );
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc
          .tuple(tie('tree'), fc.constantFrom('+', '-', '*', '/'), tie('tree'))
          .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.double({ noNaN: true, noDefaultInfinity: true }), (source, value) => {
        // oxlint-disable-next-line no-implied-eval -- the oracle; its text is made above
        const expected = new Function('value', `return ${source}`)(value) as number;
        const found = evaluated(source, { value });
        expect(found).toBe(Number.isFinite(expected) ? expected : `gives ${expected}`);
      }),
    );
  });

  it('knows which variables it reads', () => {
    const made = compiled('[1.0].exists(on, on > value) ? math.abs(value) : 0.0');
    expect(made.ok && [...made.value.names]).toEqual(['value']);
  });
});

describe('a bad expression', () => {
  it.each([
    ['value +', /^at character 8: /],
    ['value * 2', /^at character 1: .*write 2\.0/],
    ['1.0 + valu', /^at character 7: .*valu/],
    ['text', /gives string, not a number/],
    ['', /./],
    ['value + text', /at character 1/],
    ['min(value, 1.0)', /at character 1: min\(\) is not available/],
    ['{"a": 1.0}["a"]', /./],
    ['google.protobuf.Timestamp == null ? 1.0 : 0.0', /./],
    ['b"x".size() == 1 ? 1.0 : 0.0', /./],
    ['dyn(value) + 1.0', /dyn\(\) is not available/],
    ['ts.getHours("Europe/Berlin") > 6 ? 1.0 : 0.0', /getHours/],
  ])('%s is refused with the place', (source, message) => {
    const made = compiled(source);
    expect(made.ok ? 'ok' : made.error.code).toMatch(/^expression\.(invalid|too_costly)$/);
    expect(made.ok ? '' : made.error.message).toMatch(message);
  });
});

/** Each of these takes for ever, or all memory, where the language is let loose. */
describe('an expression that never ends', () => {
  const ten = '[1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,10.0]';
  const doubled = (depth: number): string =>
    depth === 0 ? 'x' : `cel.bind(x, x + x, ${doubled(depth - 1)})`;
  it.each([
    ['a regular expression that backtracks', 'text.matches("(a+)+$") ? 1.0 : 0.0'],
    ['texts that double', `double(size(cel.bind(x, text, ${doubled(20)})))`],
    ['lists that double', `double(size(cel.bind(x, [1.0], ${doubled(20)})))`],
    ['loops in loops', `${ten}.all(a, ${ten}.all(b, ${ten}.all(c, a + b + c > value))) ? 1.0 : 0.0`],
    ['a loop over what a text is split into', 'text.split("").all(c, c == "a") ? 1.0 : 0.0'],
    ['a loop over a sum of lists', `(${ten} + ${ten}).all(a, a > value) ? 1.0 : 0.0`],
    ['more steps than allowed', `${ten}.all(a, ${ten}.all(b, ${'a + b + '.repeat(6)}a > value)) ? 1.0 : 0.0`],
    ['a list of a hundred', `value in [${'1.0,'.repeat(100)}1.0] ? 1.0 : 0.0`],
    ['a thousand characters and one', `value${' '.repeat(EXPRESSION_MAX_CHARS)}`],
    ['a tower of brackets', `${'('.repeat(400)}value${')'.repeat(400)}`],
    ['a tower of minus signs', `${'-'.repeat(900)}value`],
    ['a long sum', `value${'+value'.repeat(160)}`],
  ])('%s is refused before it runs', (_what, source) => {
    const made = compiled(source);
    expect(made.ok ? 'ok' : made.error.code).toMatch(/^expression\.(invalid|too_costly)$/);
  });

  it('may loop within the bound', () => {
    const made = compiled(`[1.0, 2.0, 3.0].all(a, ${ten}.exists(b, a + b > value)) ? 1.0 : 0.0`);
    expect(made.ok && made.value.steps).toBeLessThanOrEqual(EXPRESSION_STEPS_MAX);
    expect(made.ok && made.value.evaluate({ value: 10 })).toBe(1);
  });
});
