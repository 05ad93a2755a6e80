import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { runApi } from './test-support.ts';

const get = (api: Awaited<ReturnType<typeof runApi>>, path: string) =>
  fetch(api.url + path, { headers: bearer('admin') });

describe('retention', () => {
  it('shows what is kept', async () => {
    await using api = await runApi();
    const answer = await get(api, '/api/v1/retention');
    expect(await answer.json()).toMatchObject({
      keep: { raw: 86_400_000 },
      bytes: { total: 7, reusable: 9 },
      levels: [{ level: 'raw', oldestMs: 5, rows: 2 }],
    });
  });

  it('previews the configured budget, or the one that is asked about', async () => {
    await using api = await runApi();
    const answer = await get(api, '/api/v1/retention/preview');
    expect(await answer.json()).toMatchObject({ fits: true, items: [{ reason: 'budget', devices: 1 }] });
    expect((await get(api, '/api/v1/retention/preview?budget=5GB')).status).toBe(200);
    expect((await get(api, '/api/v1/retention/preview?budget=1048576')).status).toBe(200);
    expect(api.retention.budgets).toEqual([undefined, 5_000_000_000, 1_048_576]);
  });

  it('refuses a budget that is none', async () => {
    await using api = await runApi();
    for (const budget of ['much', '-5GB', '0', '5gb', '']) {
      const answer = await get(api, `/api/v1/retention/preview?budget=${budget}`);
      expect(await answer.json()).toMatchObject({ code: 'query.invalid', status: 400 });
    }
    expect(api.retention.budgets).toEqual([]);
  });
});
