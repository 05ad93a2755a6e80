import { EXPRESSION_TEXT_MAX_CHARS } from '../../../base/limits.ts';
import type { Refusal } from '../../payload/sink.ts';
import { judgeComputed, type MetricRule } from '../profile-rules.ts';

/** What the expression of one metric sees. One object for all readings: it is read while evaluated, not kept. */
class ValueScope {
  [name: string]: unknown;
  value: number | boolean | string = 0;
  metric = '';
  device = '';
  /** Event time, milliseconds. */
  at = 0;

  /** Made only for expressions that read it. */
  get ts(): Date {
    return new Date(this.at);
  }
}

interface Sent {
  readonly rule: MetricRule;
  readonly device: string;
  readonly metric: string;
  readonly time: number;
  readonly value: unknown;
}

/** From a value as sent to the value as stored, by the expression of its metric. */
export class Computation {
  readonly #scope = new ValueScope();

  run({ rule, device, metric, time, value }: Sent): number | boolean | Refusal {
    // CBOR has integers beyond 2^53; as readings they are numbers like any other.
    const sent = typeof value === 'bigint' ? Number(value) : value;
    if (typeof sent !== 'number' && typeof sent !== 'boolean' && typeof sent !== 'string') {
      return ['reading.type', `is no ${rule.sent}`];
    }
    if (typeof sent !== rule.sent) return ['reading.type', `is no ${rule.sent}`];
    if (typeof sent === 'number' && !Number.isFinite(sent)) return ['reading.not_finite', 'is not finite'];
    if (typeof sent === 'string' && sent.length > EXPRESSION_TEXT_MAX_CHARS)
      return ['reading.text_too_long', 'is too long for an expression'];
    const scope = this.#scope;
    scope.value = sent;
    scope.metric = metric;
    scope.device = device;
    scope.at = time;
    return judged(rule, rule.expression?.(scope) ?? 'has no expression');
  }
}

/** What an expression gave, held against the rule. */
export function judged(rule: MetricRule, found: number | boolean | string): number | boolean | Refusal {
  if (typeof found === 'string') return ['reading.expression', found];
  const fault = judgeComputed(rule, found);
  return fault === undefined ? found : [fault, `gives ${found}`];
}
