import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { HTTP_CONNECTIONS_MAX, HTTP_RATE_ANONYMOUS_MAX } from '../../base/limits.ts';
import { silentLogger } from '../../base/logger.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import { PromMeter } from '../../monitor/prom-meter.ts';
import { buildApp } from './app.ts';
import { HttpServer } from './http-server.ts';
import { bearer, exchange, FakeIntake, FakeSecurity, problemIn, runServer } from './test-support.ts';

const options = (port: number) => ({
  listener: { host: '127.0.0.1', port },
  security: new FakeSecurity(),
  intake: new FakeIntake(),
  doors: [],
  meter: silentMeter,
  logger: silentLogger,
  clock: systemClock,
});

const post = (token: string, body: string) => ({
  method: 'POST',
  body,
  headers: { ...bearer(token), 'content-type': 'application/json' },
});

describe('HttpServer: its life', () => {
  it('says port.taken where another program listens, and leaves nothing behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const server = new HttpServer(options(port));
    await expect(server.start()).rejects.toMatchObject({ code: 'port.taken' });
    expect(server.address).toBeNull();
    await new Promise((resolve) => other.close(resolve));
    await server.start();
    expect(server.address).toEqual({ host: '127.0.0.1', port });
    await server.stop();
  });

  it('says config.invalid for an address this machine does not have', async () => {
    const server = new HttpServer({ ...options(0), listener: { host: '192.0.2.1', port: 0 } });
    await expect(server.start()).rejects.toMatchObject({ code: 'config.invalid' });
  });

  it('listens on the same port after a restart in place, with all its doors', async () => {
    const server = new HttpServer({
      ...options(0),
      doors: [(app) => void app.get('/here', { config: { access: 'public' } }, () => ({ here: true }))],
    });
    await server.start();
    const first = server.address;
    await server.stop();
    expect(server.address).toBeNull();
    await server.start();
    expect(server.address).toEqual(first);
    expect((await fetch(`http://127.0.0.1:${first?.port}/here`)).status).toBe(200);
    await server.stop();
    await server.stop();
  });

  it('lets a request in progress end when it stops, and accepts no new connection', async () => {
    const started = Promise.withResolvers<void>();
    const running = await runServer({
      doors: [
        (app) =>
          void app.get('/slow', { config: { access: 'public' } }, async () => {
            started.resolve();
            await sleep(200);
            return { done: true };
          }),
      ],
    });
    const answer = fetch(`${running.url}/slow`);
    await started.promise;
    const stopped = running.server.stop();
    await sleep(20);
    await expect(fetch(`${running.url}/slow`)).rejects.toThrow();
    expect(await (await answer).json()).toEqual({ done: true });
    await stopped;
  });

  it('cuts a connection that never ends its request', async () => {
    const running = await runServer();
    const socket = connect(running.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
    await sleep(50);
    await running.server.stop();
    await closed;
  });
});

describe('HttpServer: bounds', () => {
  it('answers 408 to headers that never end (slow-loris)', async () => {
    const app = await buildApp(options(0));
    app.server.headersTimeout = 100;
    await app.listen({ host: '127.0.0.1', port: 0 });
    const address = app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const answer = await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(answer).toContain('HTTP/1.1 408');
    expect(problemIn(answer)).toMatchObject({ code: 'request.timeout', status: 408 });
    expect(app.server.maxConnections).toBe(HTTP_CONNECTIONS_MAX);
    await app.close();
  });

  it('limits addresses without credentials, and not the principals behind the same address', async () => {
    await using running = await runServer();
    const statuses = new Map<number, number>();
    let retryAfter: string | null = null;
    for (let i = 0; i < HTTP_RATE_ANONYMOUS_MAX + 10; i += 1) {
      const { status, headers } = await fetch(`${running.url}/none`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 429) retryAfter = headers.get('retry-after');
    }
    expect(Object.fromEntries(statuses)).toEqual({ 404: HTTP_RATE_ANONYMOUS_MAX, 429: 10 });
    expect(Number(retryAfter)).toBeGreaterThan(0);
    const url = `${running.url}/api/v1/devices/station/telemetry`;
    const refused = await fetch(url, post('wrong', '{}'));
    expect(await refused.json()).toMatchObject({ code: 'request.rate_limited' });
    expect((await fetch(url, post('station', '{}'))).status).toBe(200);
  });
});

describe('HttpServer: what it tells', () => {
  it('sends the security headers with every answer, errors included', async () => {
    await using running = await runServer();
    for (const path of ['/none', '/api/v1/devices/station/telemetry']) {
      const { headers } = await fetch(running.url + path, { method: 'POST' });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      for (const rule of ["object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) {
        expect(headers.get('content-security-policy')).toContain(rule);
      }
    }
  });

  it('counts requests by status and times them by route pattern', async () => {
    const meter = new PromMeter();
    await using running = await runServer({ meter });
    await fetch(`${running.url}/api/v1/devices/station/telemetry`, post('station', '{}'));
    await fetch(`${running.url}/none`);
    await fetch(`${running.url}/other`);
    const { body } = await meter.metrics();
    expect(body).toContain('iot_requests_total{protocol="http",status="200"} 1');
    expect(body).toContain('iot_requests_total{protocol="http",status="404"} 2');
    expect(body).toContain(
      'iot_response_time_seconds_count{protocol="http",route="/api/v1/devices/:id/telemetry"} 1',
    );
    expect(body).not.toContain('route="/none"');
  });
});
