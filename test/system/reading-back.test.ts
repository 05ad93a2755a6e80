/** What went in comes out: by query, by file, live, and as events. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';

const START = Date.UTC(2026, 0, 1);
const MINUTES = 120;
const directory = temporaryDirectory();
let server: Server;

/** Two readings a minute for two hours: temperature = minute number, twice; a text and a boolean now and then. */
beforeAll(async () => {
  server = await Server.start({ dataDir: join(directory.path, 'data') });
  await server.addDevice({ id: 'd1' });
  const lines = Array.from({ length: MINUTES * 2 }, (_, i) => {
    const values = {
      temperature: Math.floor(i / 2),
      ...(i % 60 === 0 ? { mode: `m${i}`, heating: i % 120 === 0 } : {}),
    };
    return JSON.stringify({ ts: START + i * 30_000, values });
  });
  const response = await fetch(`${server.http}/api/v1/devices/d1/telemetry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  });
  expect(await response.json()).toEqual({ accepted: MINUTES * 2, rejected: [] });
  await server.settled();
});

afterAll(async () => {
  await server.stop();
  directory[Symbol.dispose]();
});

interface Rows {
  readonly readings: readonly { metric: string; ts: number; value: number | string | boolean }[];
}

describe('query', () => {
  it('answers raw readings of every type, in order', async () => {
    const { readings } = await server.get<Rows>(
      `/api/v1/devices/d1/telemetry?from=${START}&to=${START + 60_000}`,
    );
    expect(readings).toEqual(
      expect.arrayContaining([
        { metric: 'temperature', ts: START, value: 0 },
        { metric: 'temperature', ts: START + 30_000, value: 0 },
        { metric: 'mode', ts: START, value: 'm0' },
        { metric: 'heating', ts: START, value: true },
      ]),
    );
    expect(readings).toHaveLength(4);
  });

  it.each([
    ['avg', 29.5],
    ['min', 0],
    ['max', 59],
    ['sum', 3540],
    ['count', 120],
    ['first', 0],
    ['last', 59],
  ])('aggregates by hour: %s', async (agg, first) => {
    const query = `metric=temperature&from=${START}&to=${START + 7_200_000}&interval=1h&agg=${agg}`;
    const { readings } = await server.get<Rows>(`/api/v1/devices/d1/telemetry?${query}`);
    expect(readings).toHaveLength(2);
    expect(readings[0]).toMatchObject({ ts: START, value: first });
  });

  it('answers the latest value of each metric', async () => {
    const { readings } = await server.get<Rows>('/api/v1/devices/d1/latest');
    expect(Object.fromEntries(readings.map(({ metric, value }) => [metric, value]))).toEqual({
      temperature: MINUTES - 1,
      mode: 'm180',
      heating: false,
    });
  });

  it('writes CSV and Parquet that others can read', async () => {
    const path = '/api/v1/devices/d1/telemetry?metric=temperature&limit=100000&format=';
    const csv = await (await server.api('GET', `${path}csv`)).text();
    expect(csv.trim().split('\n')).toHaveLength(MINUTES * 2 + 1);
    const file = join(directory.path, 'out.parquet');
    writeFileSync(file, Buffer.from(await (await server.api('GET', `${path}parquet`)).arrayBuffer()));
    const duckdb = await DuckDBInstance.create(':memory:');
    const connection = await duckdb.connect();
    const answer = await connection.runAndReadAll(
      `SELECT count(*)::INTEGER, sum(value)::INTEGER FROM '${file}'`,
    );
    expect(answer.getRows()).toEqual([[MINUTES * 2, MINUTES * (MINUTES - 1)]]);
    connection.closeSync();
  });

  it.each([
    ['from=yesterday', 'query.invalid'],
    ['interval=1parsec&agg=avg', 'query.invalid'],
    ['interval=1h&agg=median', 'request.invalid'],
    ['limit=0', 'request.invalid'],
    ['format=xml', 'request.invalid'],
    ['metric=%27;DROP%20TABLE%20readings;--', undefined],
  ])('answers ?%s with its code', async (query, code) => {
    const response = await server.api('GET', `/api/v1/devices/d1/telemetry?${query}`);
    const answer = (await response.json()) as { code?: string };
    expect(answer.code).toBe(code);
  });
});

describe('live', () => {
  it('shows readings on the WebSocket as they are stored', async () => {
    const socket = new WebSocket(`${server.http.replace('http', 'ws')}/api/v1/live?device=d1`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    await new Promise((done, fail) => {
      socket.once('open', done);
      socket.once('error', fail);
    });
    await sensorium(server, 'send', 'd1', 'live=1');
    const message = await until('a live message', async () =>
      messages.find((text) => text.includes('"live"')),
    );
    expect(JSON.parse(message)).toMatchObject({ readings: [{ device: 'd1', metric: 'live', value: 1 }] });
    socket.close();
  });

  it('tells events over SSE with CloudEvents attributes', async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.http}/api/v1/events?type=device.registered`, {
      headers: { authorization: `Bearer ${server.token}` },
      signal: abort.signal,
    });
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    await server.addDevice({ id: 'd2' });
    const line = await until('the event', async () => /^data: (.*d2.*)$/m.exec(text)?.[1]);
    expect(JSON.parse(line)).toMatchObject({ specversion: '1.0', type: 'device.registered', subject: 'd2' });
    abort.abort();
    await reading;
  });
});

it('describes itself in OpenAPI 3.1', async () => {
  const document = (await (await fetch(`${server.http}/api/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, unknown>;
  };
  expect(document.openapi).toMatch(/^3\.1/);
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/api/v1/devices', '/api/v1/devices/{id}/telemetry', '/api/v1/events']),
  );
});
