import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { runApi } from './test-support.ts';

const admin = { headers: bearer('admin') };

describe('MQTT clients over HTTP', () => {
  it('come in pages, filtered as asked', async () => {
    await using api = await runApi();
    const query = 'text=sta&connected=false&after=3&limit=5';
    const answer = await fetch(`${api.url}/api/v1/clients?${query}`, admin);
    expect(await answer.json()).toMatchObject({ clients: [{ id: 7, clientId: 'station/1' }], total: 1 });
    expect(api.clients.queries).toEqual([{ text: 'sta', connected: false, after: 3, limit: 5 }]);
  });

  it.each(['connected=maybe', 'after=-1', 'limit=100000', 'who=me'])('refuse %s', async (query) => {
    await using api = await runApi();
    expect((await fetch(`${api.url}/api/v1/clients?${query}`, admin)).status).toBe(400);
    expect(api.clients.queries).toEqual([]);
  });

  it('are shown one by one with their subscriptions', async () => {
    await using api = await runApi();
    const answer = await fetch(`${api.url}/api/v1/clients/7`, admin);
    expect(await answer.json()).toMatchObject({
      id: 7,
      subscriptions: [{ filter: 'v1/station/commands/#' }],
    });
  });

  it.each(['8', 'x', '-7', '7.0', '1e1', '99999999999999999999'])('do not include %s', async (id) => {
    await using api = await runApi();
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(`${api.url}/api/v1/clients/${id}`, { method, ...admin });
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: 'client.unknown' });
    }
  });

  it('are disconnected, and their sessions ended only where that is asked for', async () => {
    await using api = await runApi();
    for (const query of ['', '?end=true']) {
      const answer = await fetch(`${api.url}/api/v1/clients/7${query}`, { method: 'DELETE', ...admin });
      expect(answer.status).toBe(204);
    }
    expect(api.clients.ended).toEqual([
      { id: 7, end: false, by: 'user:admin' },
      { id: 7, end: true, by: 'user:admin' },
    ]);
  });

  it('are not for devices', async () => {
    await using api = await runApi();
    const headers = bearer('station');
    expect((await fetch(`${api.url}/api/v1/clients`, { headers })).status).toBe(403);
    const refused = await fetch(`${api.url}/api/v1/clients/7`, { method: 'DELETE', headers });
    expect(refused.status).toBe(403);
    expect(api.clients.ended).toEqual([]);
  });
});
