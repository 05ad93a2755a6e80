import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { HTTP_BODIES_MAX_BYTES, HTTP_BODY_MAX_BYTES, INGEST_REJECTIONS_MAX } from '../../base/limits.ts';
import { err, ok } from '../../base/result.ts';
import { problem } from '../../model/errors.ts';
import type { Rejection } from '../../model/reading.ts';
import { until } from '../mqtt/test-client.ts';
import { BodyBudget } from './body-budget.ts';
import { bearer, type RunningServer, runServer } from './test-support.ts';

type Body = string | Uint8Array<ArrayBuffer>;

function send(
  running: RunningServer,
  body: Body,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  { device = 'station', token = device }: { readonly device?: string; readonly token?: string } = {},
): Promise<Response> {
  const url = `${running.url}/api/v1/devices/${device}/telemetry`;
  return fetch(url, { method: 'POST', body, headers: { ...bearer(token), ...headers } });
}

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code: unknown }).code;

describe('telemetry over HTTP', () => {
  it('hands the bytes as they came to the intake, in the format of the content type', async () => {
    await using running = await runServer();
    const cases = {
      'application/json': 'json',
      'application/json; charset=utf-8': 'json',
      'application/x-ndjson': 'ndjson',
      'text/csv': 'csv',
      'application/senml+json': 'senml+json',
      'application/senml+cbor': 'senml+cbor',
    };
    for (const [type, format] of Object.entries(cases)) {
      const answer = await send(running, '{"__proto__": 1}  ', { 'content-type': type });
      expect(await answer.json()).toEqual({ accepted: 1, rejected: [] });
      const batch = running.intake.batches.at(-1);
      expect(batch).toMatchObject({ device: 'station', format });
      expect(Buffer.from(batch?.body ?? []).toString()).toBe('{"__proto__": 1}  ');
    }
  });

  it('tells the intake of what came and got no further, by sender and reason', async () => {
    await using running = await runServer();
    await send(running, '');
    await send(running, '<t/>', { 'content-type': 'application/xml' });
    await send(running, new Uint8Array(HTTP_BODY_MAX_BYTES + 1));
    await send(running, '{}', undefined, { device: 'other', token: 'station' });
    await send(running, '{}', undefined, { token: 'wrong' });
    await send(running, '{}');
    await until(() => running.intake.refusals.length >= 4);
    expect(running.intake.refusals.map(({ device, reason }) => [device, reason])).toEqual([
      ['station', 'invalid'],
      ['station', 'invalid'],
      ['station', 'too_large'],
      ['station', 'denied'],
    ]);
  });

  it('answers item by item, and cuts a long list of rejections but not the count', async () => {
    await using running = await runServer();
    const rejected: Rejection[] = Array.from({ length: INGEST_REJECTIONS_MAX + 5 }, (_, index) => ({
      index,
      code: 'reading.type',
      message: 'no number',
    }));
    running.intake.answer = ok({ accepted: 7, rejected });
    const receipt = (await (await send(running, '[]')).json()) as Record<string, unknown>;
    expect(receipt).toMatchObject({ accepted: 7, rejectedTotal: INGEST_REJECTIONS_MAX + 5 });
    expect(receipt['rejected']).toHaveLength(INGEST_REJECTIONS_MAX);
    running.intake.answer = ok({ accepted: 1, rejected: rejected.slice(0, 1) });
    expect(await (await send(running, '[]')).json()).toEqual({ accepted: 1, rejected: rejected.slice(0, 1) });
  });

  it('passes on why the intake refuses, with the status of the code', async () => {
    await using running = await runServer();
    for (const [code, status] of [
      ['device.unknown', 404],
      ['log.congested', 503],
      ['log.full', 507],
    ] as const) {
      running.intake.answer = err(problem(code, 'because'));
      const answer = await send(running, '{}', undefined, { token: 'admin' });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null);
      expect(await codeOf(answer)).toBe(code);
    }
  });

  it('lets a device write itself and its children, and nobody else', async () => {
    await using running = await runServer();
    expect((await send(running, '{}', undefined, { device: 'child', token: 'gw' })).status).toBe(200);
    expect((await send(running, '{}', undefined, { device: 'gw', token: 'station' })).status).toBe(403);
    expect((await send(running, '{}', undefined, { device: 'station', token: 'viewer' })).status).toBe(403);
    expect(running.intake.batches).toHaveLength(1);
  });

  it('refuses 10 MB, an empty body, and types it cannot read, and stays up', async () => {
    await using running = await runServer();
    const large = await send(running, new Uint8Array(10_000_000));
    expect(large.status).toBe(413);
    expect(await codeOf(large)).toBe('payload.too_large');
    expect(await codeOf(await send(running, ''))).toBe('payload.empty');
    expect(await codeOf(await send(running, 'a', { 'content-type': 'text/plain' }))).toBe(
      'payload.unsupported_type',
    );
    expect(await codeOf(await send(running, 'a', { 'content-type': 'application/octet-stream' }))).toBe(
      'payload.unsupported_type',
    );
    expect(running.intake.batches).toHaveLength(0);
    expect((await send(running, new Uint8Array(HTTP_BODY_MAX_BYTES))).status).toBe(200);
  });

  it('unpacks gzip, and refuses what is cut off, no gzip, or a bomb', async () => {
    await using running = await runServer();
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    const packed = new Uint8Array(gzipSync('{"a":1}\n{"a":2}\n'));
    expect((await send(running, packed, headers)).status).toBe(200);
    expect(Buffer.from(running.intake.batches[0]?.body ?? []).toString()).toBe('{"a":1}\n{"a":2}\n');
    expect(await codeOf(await send(running, packed.slice(0, -6), headers))).toBe('payload.not_gzip');
    expect(await codeOf(await send(running, '{"a":1}', headers))).toBe('payload.not_gzip');
    const bomb = new Uint8Array(gzipSync(new Uint8Array(HTTP_BODY_MAX_BYTES + 1)));
    expect(bomb.byteLength).toBeLessThan(20_000);
    expect(await codeOf(await send(running, bomb, headers))).toBe('payload.too_large');
    const zstd = { ...headers, 'content-encoding': 'zstd' };
    expect(await codeOf(await send(running, packed, zstd))).toBe('payload.unsupported_type');
    expect(running.intake.batches).toHaveLength(1);
  });

  it('gives back what an aborted upload had reserved', async () => {
    await using running = await runServer();
    const head = `POST /api/v1/devices/station/telemetry HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer station\r\nContent-Type: text/csv\r\nContent-Length: ${HTTP_BODY_MAX_BYTES}\r\n\r\n`;
    const uploads = HTTP_BODIES_MAX_BYTES / HTTP_BODY_MAX_BYTES;
    const sockets = Array.from({ length: uploads }, () => connect(running.port, '127.0.0.1'));
    for (const socket of sockets) socket.write(head);
    const statusNow = async () => (await send(running, '{}')).status;
    await waitFor(async () => (await statusNow()) === 503);
    for (const socket of sockets) socket.destroy();
    await waitFor(async () => (await statusNow()) === 200);
  });
});

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error('it never came');
}

describe('BodyBudget', () => {
  it('says no beyond the budget, counts what is not told as the largest, and releases once', () => {
    const budget = new BodyBudget();
    const releases = [];
    for (let i = 0; i < HTTP_BODIES_MAX_BYTES / HTTP_BODY_MAX_BYTES; i += 1)
      releases.push(budget.reserve(undefined));
    expect(budget.reserved).toBe(HTTP_BODIES_MAX_BYTES);
    expect(budget.reserve(1)).toBeUndefined();
    releases[0]?.();
    releases[0]?.();
    expect(budget.reserved).toBe(HTTP_BODIES_MAX_BYTES - HTTP_BODY_MAX_BYTES);
    expect(budget.reserve(1)).toBeTypeOf('function');
  });
});
