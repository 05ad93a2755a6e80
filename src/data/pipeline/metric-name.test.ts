import { expect, it } from 'vitest';
import { judgeMetricName } from './metric-name.ts';

it.each(['t', 'temperature', 'Außentemperatur', '温度', 'e:1/total.kWh', 'a b', 'x'.repeat(128), 'toString'])(
  'takes %s as a metric name',
  (name) => {
    expect(judgeMetricName(name)).toBeUndefined();
  },
);

it.each(['', 'x'.repeat(129), 'a\nb', 'a\0', '<b>', 'a"b', "a'; DROP TABLE readings", '\u202Eabc', '\uD800'])(
  'refuses %j as a metric name',
  (name) => {
    expect(judgeMetricName(name)).toBe('reading.name');
  },
);

it.each(['__proto__', 'constructor', 'prototype'])('keeps %s reserved', (name) => {
  expect(judgeMetricName(name)).toBe('reading.reserved_name');
});
