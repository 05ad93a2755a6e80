import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { HTTP_BODY_MAX_BYTES, JUDGING_BLOCKS_MAX, JUDGING_ELSEWHERE_BYTES } from '../../base/limits.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { Profile } from '../../model/profile.ts';
import { facts, NOW } from '../test-kit.ts';
import { type Case, Judge, type Judgement } from './judge.ts';
import { Judges } from './judges.ts';

const judges = new Judges(silentMeter);
afterAll(async () => await judges.stop());

const profile: Profile = {
  id: 'p' as Profile['id'],
  version: 1,
  metrics: { t: { type: 'number', minimum: 0, expression: '100.0 / value' }, on: { type: 'boolean' } },
  additionalMetrics: false,
};

/** So large that it is judged on another thread, whatever it says. */
const large = (text: string, format: Case['format'] = 'json'): Case => ({
  facts: facts('a', { profile: 'p' }),
  profile,
  body: Buffer.from(text.padEnd(JUDGING_ELSEWHERE_BYTES)),
  format,
  receivedAt: NOW,
});

const shown = (judgement: Judgement): unknown =>
  judgement.ok ? judgement.value : [judgement.error.code, judgement.error.message];

const here = new Judge();

describe('a batch that is judged on another thread', () => {
  it('is judged as it is here, whatever it says', async () => {
    const anyItem = fc.record(
      {
        t: fc.oneof(fc.double(), fc.constant(0), fc.string()),
        on: fc.boolean(),
        ä: fc.nat(),
        ts: fc.oneof(fc.nat(), fc.string()),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyItem), async (items) => {
        const one = large(JSON.stringify(items));
        expect(shown(await judges.judge(one))).toEqual(shown(here.judge(one)));
      }),
      { numRuns: 100 },
    );
  });

  it.each(['{"t":', 'no JSON', '[]'])(
    'that is refused as a whole is refused with the same words: %s',
    async (text) => {
      const judgement = await judges.judge(large(text));
      expect(judgement.ok).toBe(false);
      expect(shown(judgement)).toEqual(shown(here.judge(large(text))));
    },
  );

  it('has every one of its faults told, also where they are longer than itself', async () => {
    const one = large('?\n'.repeat(90_000), 'ndjson');
    const judgement = await judges.judge(one);
    expect(judgement.ok && judgement.value.rejected.length).toBe(90_000);
    expect(shown(judgement)).toEqual(shown(here.judge(one)));
  });

  it('leaves this thread free meanwhile', async () => {
    let turns = 0;
    const state = { isDone: false };
    const judged = judges.judge(large('{"t":1}\n'.repeat(99_000), 'ndjson')).finally(() => {
      state.isDone = true;
    });
    while (!state.isDone) {
      turns += 1;
      await new Promise(setImmediate);
    }
    expect(shown(await judged)).toEqual({ accepted: 99_000, rejected: [] });
    expect(turns).toBeGreaterThan(10);
  });

  it('is refused where too many come at once, and the others are not', async () => {
    const body = '{"t":1}'.padEnd(HTTP_BODY_MAX_BYTES);
    const judgements = await Promise.all(
      Array.from({ length: JUDGING_BLOCKS_MAX + 2 }, async () => await judges.judge(large(body))),
    );
    const outcomes = judgements.map((judgement) => (judgement.ok ? 'judged' : judgement.error.code));
    expect(outcomes.filter((outcome) => outcome === 'judged').length).toBe(JUDGING_BLOCKS_MAX);
    expect(outcomes.filter((outcome) => outcome === 'memory.exhausted').length).toBe(2);
  });

  it('brings threads back that were stopped', async () => {
    await judges.stop();
    expect(shown(await judges.judge(large('{"t":1}')))).toEqual({ accepted: 1, rejected: [] });
  });
});
