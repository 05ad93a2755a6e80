import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AnalysisSchema } from '../../../model/analysis.ts';
import type { Profile } from '../../../model/profile.ts';
import { facts, NOW, pipelineKit, telemetry } from '../../test-kit.ts';
import type { AnalysisState } from './findings.ts';

function kitWith(analysis: AnalysisSchema, states: readonly AnalysisState[]) {
  const kit = pipelineKit({ analysis: states });
  kit.known.putProfile({
    id: 'p' as Profile['id'],
    version: 1,
    metrics: { t: { type: 'number', analysis } },
  });
  kit.known.put(facts('d', { profile: 'p' }));
  return kit;
}

interface Sent {
  readonly value: number;
  readonly late: boolean;
  /** The server starts anew before it. */
  readonly restart: boolean;
}

/** What was told of readings a second apart, commit after commit, restart after restart. */
function told(analysis: AnalysisSchema, sent: readonly Sent[]): readonly (readonly [string, string])[] {
  const kept = new Map<string, AnalysisState>();
  const all: (readonly [string, string])[] = [];
  let kit = kitWith(analysis, []);
  for (const [at, { value, late, restart }] of sent.entries()) {
    if (restart)
      kit = kitWith(
        analysis,
        [...kept.values()].filter(({ begunAt, spread }) => begunAt > 0 || spread > 0),
      );
    const ts = NOW - 100_000 + at * 1_000 - (late ? 60_000 : 0);
    kit.take(telemetry('d', { ts, values: { t: value } }));
    for (const state of kit.batch.findings.states) kept.set(state.detector, state);
    all.push(...kit.batch.findings.told.map(({ detector, state }) => [detector, state] as const));
    kit.batch.clear();
  }
  return all;
}

const sent = fc.array(
  fc.record({ value: fc.integer({ min: -20, max: 20 }), late: fc.boolean(), restart: fc.constant(false) }),
  { maxLength: 60 },
);

it('findings of each detector begin and end in turns, whatever comes', () => {
  const analysis: AnalysisSchema = {
    range: { low: -10, high: 10, margin: 2, raiseAfter: 2, clearFor: '2s' },
    rate: { perSecond: 8, clearAfter: 2 },
    stuck: { readings: 2, tolerance: 1 },
    zscore: { window: 8, limit: 1.5, margin: 0.5 },
    ewma: { baseline: 8, limit: 1, lambda: 0.5 },
  };
  fc.assert(
    fc.property(sent, (readings) => {
      const open = new Set<string>();
      for (const [detector, state] of told(analysis, readings)) {
        expect(open.has(detector)).toBe(state === 'ended');
        if (state === 'began') open.add(detector);
        else open.delete(detector);
      }
    }),
  );
});

it('restarts between readings change nothing that is told of a range', () => {
  const analysis: AnalysisSchema = { range: { low: -10, high: 10, margin: 3 } };
  fc.assert(
    fc.property(sent, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (readings, restarts) => {
      // A reading that was late before a restart may be the first after it: without late ones nothing depends on it.
      const inOrder = readings.map((reading) => ({ ...reading, late: false }));
      const broken = inOrder.map((reading, at) => ({ ...reading, restart: restarts[at] === true }));
      expect(told(analysis, broken)).toEqual(told(analysis, inOrder));
    }),
  );
});
