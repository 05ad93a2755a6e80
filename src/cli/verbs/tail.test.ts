import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

let place: Workplace;
beforeEach(async () => {
  place = await workplace();
});
afterEach(() => place[Symbol.asyncDispose]());

const reading = (value: number) => ({ device: 'd', metric: 't', ts: 0, value, unit: 'Cel' });

describe('tail', () => {
  it('prints live readings, connects again after a loss, and ends after --count', async () => {
    await using http = await fakeHttp(() => ({ status: 404 }));
    const feed = new WebSocketServer({ server: http.server });
    const seen: (string | undefined)[] = [];
    feed.on('connection', (socket, request) => {
      seen.push(`${request.url} ${request.headers.authorization}`);
      socket.send(JSON.stringify({ readings: [reading(seen.length)], dropped: seen.length - 1 }));
      if (seen.length === 1) setTimeout(() => socket.close(), 10);
    });
    await place.serverRuns({ http: http.url });
    const { code, stdout, stderr } = await place.run(['tail', '--device', 'd', '--count', '2']);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      '1970-01-01T00:00:00.000Z  d  t = 1 Cel',
      '1970-01-01T00:00:00.000Z  d  t = 2 Cel',
      '',
    ]);
    expect(stderr).toContain('connection lost');
    expect(stderr).toContain('1 readings skipped');
    expect(seen).toEqual(Array.from({ length: 2 }, () => '/api/v1/live?device=d Bearer local-token'));
    feed.close();
  });

  it('ends after --for although nothing happens', async () => {
    await using http = await fakeHttp(() => ({ status: 404 }));
    const feed = new WebSocketServer({ server: http.server });
    await place.serverRuns({ http: http.url });
    const { code, stdout } = await place.run(['tail', '--for', '200ms', '--json']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    feed.close();
  });

  it('ends at once, with the reason, when the first connection is refused', async () => {
    await using http = await fakeHttp(() => ({}));
    http.server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    await place.serverRuns({ http: http.url });
    const { code, stderr } = await place.run(['tail']);
    expect(code).toBe(1);
    expect(stderr).toContain('[auth.forbidden]');
  });

  it('--events prints events, whatever the pieces they come in', async () => {
    const event = {
      type: 'device.connected',
      time: '2026-01-01T00:00:00Z',
      subject: 'd',
      data: { device: 'd' },
    };
    const text = `: hello\n\nid: 1\nevent: x\ndata: ${JSON.stringify(event)}\n\ndata: not json\n\n`;
    const server = createServer((request, response) => {
      expect(request.url).toBe('/api/v1/events?device=d&type=device.connected');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let at = 0;
      const timer = setInterval(() => {
        response.write(text.slice(at % text.length, (at % text.length) + 9));
        at = (at % text.length) + 9 >= text.length ? 0 : at + 9;
      }, 1);
      response.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await place.serverRuns({ http: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const argv = [
      'tail',
      '--events',
      '--device',
      'd',
      '--type',
      'device.connected',
      '--count',
      '2',
      '--json',
    ];
    const { code, stdout } = await place.run(argv);
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([event, event]);
    server.closeAllConnections();
    server.close();
  });
});
