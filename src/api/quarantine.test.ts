import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { runApi } from './test-support.ts';

const clock = new ManualClock();

async function ask(url: string, method: string, path: string, body?: object): Promise<[number, unknown]> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: 'Bearer admin',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  return [response.status, text === '' ? undefined : JSON.parse(text)];
}

describe('the quarantine', () => {
  it('is listed by what is asked for', async () => {
    await using api = await runApi({ clock });
    const path = '/api/v1/quarantine?device=station&code=payload.not_json&from=-1h&to=now&limit=3';
    expect(await ask(api.url, 'GET', path)).toMatchObject([
      200,
      { items: [{ offset: 7, replayable: true }] },
    ]);
    const now = clock.now();
    expect(api.quarantine.filters).toEqual([
      { device: 'station', code: 'payload.not_json', since: now - 3_600_000, until: now, limit: 3 },
    ]);
    expect(await ask(api.url, 'GET', '/api/v1/quarantine?from=yesterday')).toMatchObject([
      400,
      { code: 'query.invalid' },
    ]);
  });

  it('shows a packet with its payload, and knows what is none', async () => {
    await using api = await runApi({ clock });
    expect(await ask(api.url, 'GET', '/api/v1/quarantine/7')).toMatchObject([
      200,
      { items: [{ offset: 7 }], refused: 1, format: 'json', payload: 'eyJ0Ijo=' },
    ]);
    for (const offset of ['8', 'x', '-1', '9'.repeat(40)]) {
      expect(await ask(api.url, 'GET', `/api/v1/quarantine/${offset}`)).toMatchObject([
        404,
        { code: 'quarantine.unknown' },
      ]);
    }
  });

  it('is replayed in steps, or tried', async () => {
    await using api = await runApi({ clock });
    const filter = { device: 'station', from: '1000', after: 3, limit: 10 };
    expect(await ask(api.url, 'POST', '/api/v1/quarantine/replay', filter)).toMatchObject([
      200,
      { tried: 1, stored: 1, readings: 1, codes: {} },
    ]);
    await ask(api.url, 'POST', '/api/v1/quarantine/replay', { offset: 7, dryRun: true });
    expect(api.quarantine.steps).toMatchObject([
      { action: 'replay', device: 'station', since: 1_000, after: 3, limit: 10 },
      { action: 'dry-run', offset: 7 },
    ]);
    expect(await ask(api.url, 'POST', '/api/v1/quarantine/replay', { limit: 10_000 })).toMatchObject([
      400,
      { code: 'request.invalid' },
    ]);
  });

  it('is emptied one by one, or by what is asked for', async () => {
    await using api = await runApi({ clock });
    expect(await ask(api.url, 'DELETE', '/api/v1/quarantine/7')).toEqual([204, undefined]);
    expect(await ask(api.url, 'DELETE', '/api/v1/quarantine/8')).toMatchObject([
      404,
      { code: 'quarantine.unknown' },
    ]);
    expect(await ask(api.url, 'DELETE', '/api/v1/quarantine?code=reading.type')).toMatchObject([
      200,
      { dropped: 1 },
    ]);
    expect(api.quarantine.steps).toMatchObject([
      { action: 'drop', offset: 7 },
      { action: 'drop', offset: 8 },
      { action: 'drop', code: 'reading.type' },
    ]);
  });
});

describe('the ledger', () => {
  it('is read by sender and time', async () => {
    await using api = await runApi({ clock });
    expect(await ask(api.url, 'GET', '/api/v1/ledger?sender=%40admin&from=-1d&limit=5')).toMatchObject([
      200,
      { addsUp: true, found: 1, rows: [{ sender: 'station', received: 3, reasons: { denied: 1 } }] },
    ]);
    expect(api.ledger.queries).toEqual([
      { sender: '@admin', from: clock.now() - 86_400_000, to: undefined, limit: 5 },
    ]);
    expect(await ask(api.url, 'GET', '/api/v1/ledger?from=never')).toMatchObject([
      400,
      { code: 'query.invalid' },
    ]);
  });
});
