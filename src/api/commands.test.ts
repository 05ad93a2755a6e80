import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { runApi } from './test-support.ts';

describe('commands over HTTP', () => {
  const post = (url: string, path: string, body: object): Promise<Response> =>
    fetch(`${url}/api/v1/devices/station/commands/${path}`, {
      method: 'POST',
      headers: { ...bearer('admin'), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('answer 200 at their end, also where the device failed, and say where they are found', async () => {
    await using api = await runApi();
    const answered = await post(api.url, 'ask?wait=2.5', {
      arguments: { level: 1 },
      retries: 0,
      timeout: '2s',
    });
    expect(answered.status).toBe(200);
    expect(answered.headers.get('location')).toBe('/api/v1/commands/r2');
    expect(await answered.json()).toMatchObject({ id: 'r2', state: 'answered', result: { ok: true } });
    expect(api.commands.requests).toEqual([
      {
        device: 'station',
        name: 'ask',
        arguments: { level: 1 },
        terms: { retries: 0, timeout: '2s' },
        by: 'user:admin',
        waitMs: 2_500,
      },
    ]);
    const failed = await post(api.url, 'break', {});
    expect(failed.status).toBe(200);
    expect(await failed.json()).toMatchObject({ state: 'failed', error: { message: 'stuck' } });
  });

  it('answer 202 with a handle while they are open, and 504 where nothing came', async () => {
    await using api = await runApi();
    const open = await post(api.url, 'stay?wait=0', {});
    expect(open.status).toBe(202);
    expect(await open.json()).toMatchObject({ state: 'sent' });
    const lost = await post(api.url, 'lose', {});
    expect(lost.status).toBe(504);
    expect(await lost.json()).toMatchObject({
      code: 'command.expired',
      detail: expect.stringContaining('3 times'),
    });
    const again = await fetch(`${api.url}${open.headers.get('location')}?wait=3`, {
      headers: bearer('admin'),
    });
    expect(await again.json()).toMatchObject({ name: 'stay' });
    expect(api.commands.waits).toEqual([3_000]);
  });

  it('refuse terms and waits that cannot be', async () => {
    await using api = await runApi();
    for (const body of [
      { delivery: 'twice' },
      { timeout: '10' },
      { retries: -1 },
      { arguments: [] },
      { foo: 1 },
    ])
      expect((await post(api.url, 'ask', body)).status).toBe(400);
    expect((await post(api.url, 'ask?wait=3600', {})).status).toBe(400);
    const unknown = await fetch(`${api.url}/api/v1/commands/nope`, { headers: bearer('admin') });
    expect(unknown.status).toBe(404);
  });
});
