import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { runApi } from './test-support.ts';

type Api = Awaited<ReturnType<typeof runApi>>;

function ask(
  api: Api,
  method: string,
  path: string,
  {
    body,
    headers = {},
  }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(api.url + path, { method, headers: { ...bearer('admin'), ...type, ...headers }, ...text });
}

const answerOf = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>;

const TWIN = '/api/v1/devices/station/twin';

describe('twins over HTTP', () => {
  it('are read with the versions of both parts as their ETag', async () => {
    await using api = await runApi();
    const read = await ask(api, 'GET', TWIN);
    expect(read.headers.get('etag')).toBe('"3.17"');
    expect(await answerOf(read)).toMatchObject({ device: 'station', delta: { interval: 10 } });
    const history = await ask(api, 'GET', `${TWIN}/history?part=desired`);
    expect(await answerOf(history)).toMatchObject({ changes: [{ version: 3, patch: { interval: 10 } }] });
    expect((await ask(api, 'GET', `${TWIN}/history?part=wished`)).status).toBe(400);
    expect((await ask(api, 'GET', '/api/v1/devices/nobody/twin')).status).toBe(404);
  });

  it('are changed by whom is told, merged or replaced', async () => {
    await using api = await runApi();
    await ask(api, 'PATCH', TWIN, { body: { desired: { a: { b: null } } } });
    await ask(api, 'PUT', `${TWIN}/desired`, { body: { a: 1 } });
    await ask(api, 'PATCH', `${TWIN}/reported`, { body: { a: 1 } });
    const about = { device: 'station', by: 'user:admin', version: undefined };
    expect(api.twins.edits).toEqual([
      { ...about, part: 'desired', how: 'merge', properties: { a: { b: null } } },
      { ...about, part: 'desired', how: 'replace', properties: { a: 1 } },
      { ...about, part: 'reported', how: 'merge', properties: { a: 1 } },
    ]);
    for (const body of [{}, { desired: 7 }, { desired: {}, reported: {} }, []])
      expect((await ask(api, 'PATCH', TWIN, { body })).status).toBe(400);
  });

  it('compare the version of the part that is changed, and answer 412 with a code', async () => {
    await using api = await runApi();
    const patch = async (part: string, etag: string) => {
      const path = part === 'desired' ? TWIN : `${TWIN}/reported`;
      const body = part === 'desired' ? { desired: { a: 1 } } : { a: 1 };
      return await ask(api, 'PATCH', path, { body, headers: { 'if-match': etag } });
    };
    expect((await patch('desired', '"3.1"')).status).toBe(200);
    expect((await patch('reported', '"1.17"')).status).toBe(200);
    expect((await patch('desired', '*')).status).toBe(200);
    const conflict = await patch('desired', '"2.17"');
    expect(conflict.status).toBe(412);
    expect(await answerOf(conflict)).toMatchObject({ code: 'twin.version_conflict' });
    expect((await patch('desired', 'nonsense')).status).toBe(400);
  });
});

describe('presence over HTTP', () => {
  it('is told of one device, and in the list of all', async () => {
    await using api = await runApi();
    const one = await ask(api, 'GET', '/api/v1/devices/station/presence');
    expect(await answerOf(one)).toMatchObject({ device: 'station', state: 'connected', reason: 'link' });
    const list = await answerOf(await ask(api, 'GET', '/api/v1/devices'));
    expect(list).toMatchObject({
      devices: expect.arrayContaining([
        expect.objectContaining({
          id: 'station',
          presence: { state: 'connected', reason: 'link', since: 1_000, confirmed: true },
        }),
      ]),
    });
    expect((await ask(api, 'GET', '/api/v1/devices/nobody/presence')).status).toBe(404);
  });
});
