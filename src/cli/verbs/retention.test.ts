import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

const DAY = 86_400_000;
const status = {
  keep: { raw: 30 * DAY, minute: 365 * DAY },
  partitionAfterMs: 2 * DAY,
  budgetBytes: 20 * 1_073_741_824,
  overrides: 3,
  bytes: { total: 3_145_728, used: 1_048_576, reusable: 524_288, wal: 0, partitions: 2_097_152 },
  levels: [
    { level: 'raw', oldestMs: 0, newestMs: DAY, rows: 12_345, partitions: 2, partitionBytes: 2_097_152 },
    { level: 'minute', rows: 0, partitions: 0, partitionBytes: 0 },
    { level: 'hour', rows: 0, partitions: 0, partitionBytes: 0 },
  ],
  damaged: ['raw/day=1970-01-01/7.parquet'],
};
const item = {
  level: 'raw',
  reason: 'budget',
  fromMs: 0,
  toMs: DAY,
  devices: 120,
  metrics: 14,
  rows: 8_294_400,
  bytes: 1_048_576,
};
const preview = { budgetBytes: 1_048_576, bytesBefore: 3_145_728, bytesAfter: 2_097_152, fits: false };

let place: Workplace;
let http: FakeHttp | undefined;

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await http?.[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function server(answer: Parameters<typeof fakeHttp>[0]): Promise<FakeHttp> {
  http = await fakeHttp(answer);
  await place.serverRuns({ http: http.url, mqtt: null });
  return http;
}

describe('retention', () => {
  it('status shows levels, budget, and what is damaged', async () => {
    await server(() => ({ body: status }));
    const { stdout, code } = await place.run(['retention', 'status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/raw +30 days +1970-01-01 +1970-01-02 +12,345 +2 +2\.0 MiB/);
    expect(stdout).toMatch(/hour +for ever/);
    expect(stdout).toMatch(/3\.0 MiB of 20\.0 GiB: database 1\.0 MiB \(and 512\.0 KiB free in it\)/);
    expect(stdout).toMatch(/own +times by profile or metric: 3 series/);
    expect(stdout).toContain('damaged raw/day=1970-01-01/7.parquet');
    const json = await place.run(['retention', 'status', '--json']);
    expect(JSON.parse(json.stdout)).toEqual(status);
  });

  it('preview asks about a budget, and says what would go and whether that is enough', async () => {
    const { seen } = await server(() => ({ body: { ...preview, items: [item] } }));
    const { stdout, code } = await place.run(['retention', 'preview', '--budget', '1MiB']);
    expect(code).toBe(0);
    expect(seen.at(-1)?.query.get('budget')).toBe('1048576');
    expect(stdout).toMatch(/raw +budget +1970-01-01 +1970-01-01 +120 +14 +8,294,400 +1\.0 MiB/);
    expect(stdout).toContain('3.0 MiB now, 2.0 MiB after; a budget of 1.0 MiB. Nothing was changed.');
    expect(stdout).toContain('still more than the budget');
  });

  it('preview says that nothing would go', async () => {
    const { seen } = await server(() => ({ body: { ...preview, fits: true, items: [] } }));
    const { stdout } = await place.run(['retention', 'preview']);
    expect(stdout).toContain('nothing would go');
    expect(seen.at(-1)?.query.get('budget')).toBeNull();
  });

  it('preview takes no budget that is none', async () => {
    const { seen } = await server(() => ({ body: { ...preview, items: [] } }));
    const { code, stderr } = await place.run(['retention', 'preview', '--budget', 'much']);
    expect(code).toBe(2);
    expect(stderr).toContain('such as 5GB');
    expect(seen).toEqual([]);
  });
});
