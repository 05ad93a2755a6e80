import { describe, expect, it } from 'vitest';
import type { HttpDoor } from './http-server.ts';
import { bearer, exchange, problemIn, runServer } from './test-support.ts';

const door: HttpDoor = (app) => {
  app.get('/closed', () => ({ secret: true }));
  app.get('/open', { config: { access: 'public' } }, () => ({ open: true }));
  app.post('/echo', { config: { access: 'public' } }, (request) => ({ body: request.body }));
  app.get('/bug', { config: { access: 'public' } }, () => {
    throw new Error('the password is hunter2');
  });
  app.get<{ Params: { id: string } }>(
    '/devices/:id',
    { config: { access: 'devices.read', device: 'path' } },
    ({ params, principal }) => ({ id: params.id, principal }),
  );
};

const json = (body: string | Uint8Array<ArrayBuffer>) => ({
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json' },
});

async function refusal(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const document = (await response.json()) as Record<string, unknown>;
  expect(document).toMatchObject({
    status: response.status,
    type: `urn:sensorium:error:${String(document['code'])}`,
  });
  for (const member of ['title', 'detail', 'cure', 'instance']) expect(document[member]).toBeTypeOf('string');
  return document;
}

describe('who may come in', () => {
  it('asks for credentials, and says how (RFC 6750)', async () => {
    await using running = await runServer({ doors: [door] });
    const without = await fetch(`${running.url}/devices/station`);
    expect(without.headers.get('www-authenticate')).toBe('Bearer realm="sensorium"');
    expect(await refusal(without)).toMatchObject({ code: 'auth.required', status: 401 });
    for (const [token, code] of [
      ['wrong', 'auth.invalid'],
      ['expired', 'auth.expired'],
    ] as const) {
      const answer = await fetch(`${running.url}/devices/station`, { headers: bearer(token) });
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect(await refusal(answer)).toMatchObject({ code, status: 401 });
    }
    const basic = await fetch(`${running.url}/devices/station`, { headers: { authorization: 'Basic YTpi' } });
    expect(await refusal(basic)).toMatchObject({ code: 'auth.required' });
  });

  it('closes a route that declares no right, to everyone', async () => {
    await using running = await runServer({ doors: [door] });
    const answer = await fetch(`${running.url}/closed`, { headers: bearer('admin') });
    expect(await refusal(answer)).toMatchObject({ code: 'auth.forbidden', status: 403 });
  });

  it('lets a device see itself and its children only', async () => {
    await using running = await runServer({ doors: [door] });
    const statusOf = async (token: string, id: string) =>
      (await fetch(`${running.url}/devices/${id}`, { headers: bearer(token) })).status;
    expect(await statusOf('station', 'station')).toBe(200);
    expect(await statusOf('gw', 'child')).toBe(200);
    expect(await statusOf('station', 'child')).toBe(403);
    expect(await statusOf('gw', 'station')).toBe(403);
  });

  it('does not look at the credentials of a public route', async () => {
    await using running = await runServer({ doors: [door] });
    expect((await fetch(`${running.url}/open`, { headers: bearer('wrong') })).status).toBe(200);
    expect(running.security.bearerCalls).toBe(0);
  });

  it('accepts the scheme in any case and refuses ids that are paths', async () => {
    await using running = await runServer({ doors: [door] });
    const headers = { authorization: 'bearer admin' };
    expect((await fetch(`${running.url}/devices/station`, { headers })).status).toBe(200);
    for (const id of ['..%2f..%2fetc%2fpasswd', '%2e%2e', '.hidden', 'a%00b', 'x'.repeat(129), '@admin']) {
      const answer = await exchange(
        running.port,
        `GET /devices/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nConnection: close\r\n\r\n`,
      );
      expect(problemIn(answer)).toMatchObject({ code: 'device.id_invalid', status: 400 });
    }
  });
});

describe('what was sent is wrong', () => {
  it('answers 404, and 405 with the methods there are', async () => {
    await using running = await runServer({ doors: [door] });
    expect(await refusal(await fetch(`${running.url}/none?x=1`))).toMatchObject({
      code: 'request.not_found',
    });
    for (const [method, path, allow] of [
      ['DELETE', '/devices/x', 'GET, HEAD'],
      ['PUT', '/echo', 'POST'],
      ['OPTIONS', '/open', 'GET, HEAD'],
    ] as const) {
      const answer = await fetch(running.url + path, { method });
      expect(answer.headers.get('allow')).toBe(allow);
      expect(await refusal(answer)).toMatchObject({ code: 'request.method', status: 405 });
    }
  });

  it('refuses bodies that are no JSON, and each for its reason', async () => {
    await using running = await runServer({ doors: [door] });
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    for (const [body, code] of [
      ['{"a":', 'payload.not_json'],
      ['{"a":NaN}', 'payload.not_json'],
      [new Uint8Array([0x22, 0xff, 0x22]), 'payload.not_utf8'],
      [deep, 'payload.too_deep'],
      ['{"a":{"__proto__":{"polluted":true}}}', 'request.invalid'],
      [`"${'x'.repeat(1_100_000)}"`, 'payload.too_large'],
    ] as const) {
      expect(await refusal(await fetch(`${running.url}/echo`, json(body)))).toMatchObject({ code });
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('refuses content types and encodings it does not know', async () => {
    await using running = await runServer({ doors: [door] });
    const send = (headers: Record<string, string>) =>
      fetch(`${running.url}/echo`, { method: 'POST', body: '{}', headers });
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'nonsense' },
      { 'content-type': 'application/json', 'content-encoding': 'br' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ] as Record<string, string>[]) {
      expect(await refusal(await send(headers))).toMatchObject({
        code: 'payload.unsupported_type',
        status: 415,
      });
    }
  });

  it('does not tell what broke inside', async () => {
    await using running = await runServer({ doors: [door] });
    const document = await refusal(await fetch(`${running.url}/bug`));
    expect(document).toMatchObject({ code: 'internal', status: 500 });
    expect(JSON.stringify(document)).not.toContain('hunter2');
  });
});

describe('what is no request at all', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['bytes that are no HTTP', '\u0016\u0003\u0001\r\n\r\n', 'request.invalid'],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n', 'request.invalid'],
    ['no Host', 'GET /open HTTP/1.1\r\nConnection: close\r\n\r\n', 'request.invalid'],
    [
      'a bad escape in the path',
      'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'request.invalid',
    ],
    [
      'two lengths (request smuggling)',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'request.invalid',
    ],
    [
      'a bad chunk',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'request.invalid',
    ],
    [
      'headers too large',
      `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`,
      'request.headers_too_large',
    ],
    [
      'an unknown expectation',
      'GET /open HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      'request.invalid',
    ],
  ];

  it.each(cases)('answers a problem document to %s', async (_what, bytes, code) => {
    await using running = await runServer({ doors: [door] });
    const answer = await exchange(running.port, bytes);
    expect(answer.toLowerCase()).toContain('content-type: application/problem+json');
    expect(problemIn(answer)).toMatchObject({ code });
    expect((await fetch(`${running.url}/open`)).status).toBe(200);
  });
});
