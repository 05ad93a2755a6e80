import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { CANDIDATE } from './test-discovery.ts';
import { runApi } from './test-support.ts';

const admin = { headers: bearer('admin') };

async function post(url: string, body?: unknown, who = 'admin'): Promise<Response> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return await fetch(url, { method: 'POST', headers: { ...bearer(who), ...type }, ...json });
}

describe('candidates over HTTP', () => {
  it('come in pages, filtered as asked, and one by one', async () => {
    await using api = await runApi();
    const query = 'state=ignored&text=lam&scanner=mdns&after=3&limit=5';
    const answer = await fetch(`${api.url}/api/v1/candidates?${query}`, admin);
    expect(await answer.json()).toEqual({ candidates: [CANDIDATE], total: 1 });
    expect(api.discovery.asked).toEqual([
      { state: 'ignored', text: 'lam', scanner: 'mdns', after: '3', limit: 5 },
    ]);
    const one = await fetch(`${api.url}/api/v1/candidates/${CANDIDATE.id}`, admin);
    expect(await one.json()).toEqual(CANDIDATE);
    const none = await fetch(`${api.url}/api/v1/candidates/nobody`, admin);
    expect(await none.json()).toMatchObject({ code: 'candidate.unknown', status: 404 });
    expect((await fetch(`${api.url}/api/v1/candidates?state=odd`, admin)).status).toBe(400);
  });

  it('are admitted with what the body says, with a token where that is asked for', async () => {
    await using api = await runApi();
    const url = `${api.url}/api/v1/candidates/${CANDIDATE.id}/admit`;
    const plain = await post(url, {});
    expect(plain.status).toBe(201);
    expect(await plain.json()).not.toHaveProperty('token');
    const named = await post(url, { id: 'lamp-1', profile: 'open', token: true });
    expect(named.headers.get('location')).toBe('/api/v1/devices/lamp-1');
    const body = (await named.json()) as { token: unknown };
    expect(body).toMatchObject({ candidate: { state: 'admitted' }, device: { id: 'lamp-1' } });
    expect(typeof body.token).toBe('string');
    expect(api.discovery.asked.at(-1)).toMatchObject({
      id: CANDIDATE.id,
      admission: { id: 'lamp-1', profile: 'open' },
    });
    expect((await post(url, { colour: 'red' })).status).toBe(400);
  });

  it('are put aside and forgotten; nobody may who may only read', async () => {
    await using api = await runApi();
    const url = `${api.url}/api/v1/candidates/${CANDIDATE.id}`;
    expect(await (await post(`${url}/ignore`)).json()).toMatchObject({ state: 'ignored' });
    expect(await (await post(`${url}/block`)).json()).toMatchObject({ state: 'blocked' });
    expect((await fetch(url, { method: 'DELETE', ...admin })).status).toBe(204);
    for (const word of ['ignore', 'block', 'admit']) {
      expect((await post(`${url}/${word}`, word === 'admit' ? {} : undefined, 'viewer')).status).toBe(403);
    }
  });
});

it('scanners say their condition, and look when they are told to', async () => {
  await using api = await runApi();
  const answer = await fetch(`${api.url}/api/v1/discovery`, admin);
  expect(await answer.json()).toMatchObject({
    scanners: [{ name: 'bluetooth', condition: { state: 'unavailable', reason: 'no Bluetooth adapter' } }],
  });
  expect((await post(`${api.url}/api/v1/discovery/scan`)).status).toBe(204);
  expect(api.discovery.asked).toEqual(['rescan']);
});
