import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp, problemAnswer } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

const row = {
  offset: 41,
  device: 'd',
  origin: 'd',
  topic: 'v1/d/telemetry',
  receivedAt: 0,
  index: 2,
  code: 'reading.type',
  message: '"t": "x"',
  sample: '[{"a\u0007',
  stored: true,
  profile: 'p',
  profileVersion: 3,
  bytes: 2_048,
  replayable: true,
};
const none = { tried: 0, stored: 0, forwarded: 0, partly: 0, left: 0, dropped: 0, readings: 0, codes: {} };

let place: Workplace;
let http: FakeHttp | undefined;

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await http?.[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function server(answer: Parameters<typeof fakeHttp>[0]): Promise<FakeHttp> {
  http = await fakeHttp(answer);
  await place.serverRuns({ http: http.url, mqtt: null });
  return http;
}

describe('quarantine', () => {
  it('list names packets and items with their reason, and no terminal sequence gets through', async () => {
    const { seen } = await server(() => ({ body: { items: [row, { ...row, offset: 40, index: -1 }] } }));
    const argv = [
      'quarantine',
      'list',
      '--device',
      'd',
      '--code',
      'reading.type',
      '--since',
      '-1h',
      '--limit',
      '5',
    ];
    const { stdout } = await place.run(argv);
    expect(stdout).toMatch(/41 .*d +item 2, rest stored +reading\.type +"t": "x" +\[\{"a\\x07/);
    expect(stdout).toMatch(/40 .*d +packet +reading\.type/);
    expect(Object.fromEntries(seen[0]?.query ?? [])).toEqual({
      device: 'd',
      code: 'reading.type',
      from: '-1h',
      limit: '5',
    });
  });

  it('show prints one packet with its reasons and its payload', async () => {
    const payload = Buffer.from('[{"a\u0007').toString('base64');
    await server(() => ({ body: { items: [row], refused: 3, format: 'json', payload } }));
    const { stdout } = await place.run(['quarantine', 'show', '41']);
    expect(stdout).toMatch(/refused by +profile p version 3/);
    expect(stdout).toMatch(/bytes +2\.0 KiB/);
    expect(stdout).toContain('and 2 more');
    expect(stdout.trimEnd().endsWith('[{"a\\x07')).toBe(true);
  });

  it('replay goes on until the last step, and says what stays and why', async () => {
    const steps = [
      { ...none, tried: 3, stored: 2, left: 1, readings: 4, codes: { 'reading.type': 1 }, next: 41 },
      { ...none, tried: 2, partly: 1, left: 1, readings: 1, codes: { 'reading.type': 1, internal: 1 } },
    ];
    const { seen } = await server(() => ({ body: steps.shift() ?? {} }));
    const { stdout, code } = await place.run(['quarantine', 'replay', '--device', 'd', '--until', 'now']);
    expect(code).toBe(0);
    expect(seen.map(({ method, path, body }) => [method, path, JSON.parse(body)])).toEqual([
      ['POST', '/api/v1/quarantine/replay', { device: 'd', to: 'now', dryRun: false }],
      ['POST', '/api/v1/quarantine/replay', { device: 'd', to: 'now', dryRun: false, after: 41 }],
    ]);
    expect(stdout).toMatch(/^tried 5 packets\n {2}stored +2\n {2}in part +1\n/);
    expect(stdout).toMatch(/reading\.type +2\n/);
  });

  it('replay of named packets, or without consequences, as asked', async () => {
    const { seen } = await server(() => ({ body: { ...none, tried: 1, stored: 1 } }));
    const { stdout } = await place.run(['quarantine', 'replay', '7', '9', '--dry-run', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ tried: 2, stored: 2, dryRun: true });
    expect(seen.map(({ body }) => JSON.parse(body))).toEqual([
      { dryRun: true, offset: 7 },
      { dryRun: true, offset: 9 },
    ]);
    expect((await place.run(['quarantine', 'replay', 'seven'])).code).toBe(2);
  });

  it('drop takes nothing by accident', async () => {
    const { seen } = await server(() => ({ body: { ...none, dropped: 2 } }));
    expect((await place.run(['quarantine', 'drop'])).code).toBe(2);
    expect((await place.run(['quarantine', 'drop', '--all', '--device', 'd'])).code).toBe(2);
    expect(seen).toEqual([]);
    expect((await place.run(['quarantine', 'drop', '--all'])).stdout).toBe('dropped 2 packets\n');
    expect((await place.run(['quarantine', 'drop', '--code', 'reading.type', '--json'])).stdout).toBe(
      '{"dropped":2}\n',
    );
    expect(seen.map(({ method, query }) => [method, Object.fromEntries(query)])).toEqual([
      ['DELETE', {}],
      ['DELETE', { code: 'reading.type' }],
    ]);
  });

  it('passes on what the server says', async () => {
    await server(() => problemAnswer(404, 'quarantine.unknown', 'packet 8'));
    const { code, stderr } = await place.run(['quarantine', 'show', '8']);
    expect(code).toBe(1);
    expect(stderr).toContain('[quarantine.unknown]');
  });
});

describe('ledger', () => {
  const counts = {
    received: 1_005,
    stored: 1_000,
    forwarded: 1,
    quarantined: 1,
    dropped: 2,
    pending: 1,
    missing: 0,
    reasons: { denied: 2 },
  };
  const report = {
    rows: [{ sender: 'd\u001b', hour: Date.UTC(2026, 0, 2, 3), ...counts }],
    total: counts,
    addsUp: true,
    found: 9,
    beyond: 0,
  };

  it('shows senders by the hour, and the line that adds up', async () => {
    const { seen } = await server(() => ({ body: report }));
    const { stdout, code } = await place.run(['ledger', '--sender', 'd', '--from', '-1d', '--limit', '1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/2026-01-02 03 +d\\x1b +1,005 +1,000 +1 +1 +2 +1 +denied 2\n/);
    expect(stdout).toContain('the newest 1 rows');
    expect(stdout).toContain(
      'adds up: 1,005 received = 1,000 stored + 1 forwarded + 1 quarantined + 2 dropped + 1 pending',
    );
    expect(stdout).not.toContain('missing');
    expect(Object.fromEntries(seen[0]?.query ?? [])).toEqual({ sender: 'd', from: '-1d', limit: '1' });
  });

  it('fails where it does not add up', async () => {
    const wrong = { ...counts, received: 1_008, missing: 3 };
    await server(() => ({
      body: { ...report, rows: [{ ...report.rows[0], ...wrong }], total: wrong, addsUp: false },
    }));
    const { stdout, code } = await place.run(['ledger']);
    expect(code).toBe(1);
    expect(stdout).toContain('does NOT add up: 3 messages were received and are nowhere');
    expect(stdout).toMatch(/missing +why dropped/);
    expect(JSON.parse((await place.run(['ledger', '--json'])).stdout)).toMatchObject({ addsUp: false });
  });
});
