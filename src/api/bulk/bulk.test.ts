import { describe, expect, it } from 'vitest';
import { bearer } from '../../communication/http/test-support.ts';
import { runApi } from '../test-support.ts';

type Api = Awaited<ReturnType<typeof runApi>>;
type Line = Readonly<Record<string, unknown>>;

async function imported(
  api: Api,
  body: string | Uint8Array,
  query = '',
  type = 'application/x-ndjson',
): Promise<Line[]> {
  const headers = { ...bearer('admin'), 'content-type': type };
  const response = await fetch(`${api.url}/api/v1/bulk/devices${query}`, { method: 'POST', headers, body });
  expect(response.status).toBe(200);
  const text = await response.text();
  return text
    .trim()
    .split('\n')
    .map((line): Line => JSON.parse(line));
}

const NDJSON = '{"id":"a"}\n\n{"id":"station"}\n{broken\n{"name":"nobody"}\n{"id":"b"}\n';

describe('an import', () => {
  it('tells of each row with its line, in the order of the file, and sums up', async () => {
    await using api = await runApi();
    expect(await imported(api, NDJSON)).toMatchObject([
      { line: 1, id: 'a', status: 'added' },
      { line: 3, id: 'station', status: 'refused', code: 'device.exists' },
      { line: 4, status: 'refused', code: 'request.invalid' },
      { line: 5, status: 'refused', code: 'request.invalid' },
      { line: 6, id: 'b', status: 'added' },
      { summary: { rows: 5, added: 2, refused: 3, changed: 0, dryRun: false } },
    ]);
    expect(api.registry.devices.has('b')).toBe(true);
  });

  it('makes tokens, updates or skips what is there, and can be silent about what went well', async () => {
    await using api = await runApi();
    const [first, second] = await imported(api, NDJSON, '?tokens=true&existing=update');
    expect(first).toMatchObject({ id: 'a', token: 'token-of-a' });
    expect(second).toMatchObject({ id: 'station', status: 'changed' });
    const lines = await imported(api, NDJSON, '?existing=skip&report=refused');
    expect(lines).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ summary: { skipped: 3, refused: 2 } });
  });

  it('tries without writing', async () => {
    await using api = await runApi();
    const lines = await imported(api, '{"id":"a"}\n{"id":"a"}\n', '?dryRun=true&tokens=true');
    expect(lines).toMatchObject([
      { id: 'a', status: 'added' },
      { id: 'a', status: 'refused', code: 'device.exists' },
      { summary: { added: 1, refused: 1, dryRun: true } },
    ]);
    expect(lines[0]).not.toHaveProperty('token');
    expect(api.registry.devices.has('a')).toBe(false);
  });

  it('reads a JSON array, whatever its layout, and goes on behind what is broken', async () => {
    await using api = await runApi();
    const text = '[{"id":"a","name":"{[\\"}"},\n {"id":"b"\n}, 7,\n{"id":"c"}]';
    expect(await imported(api, text, '', 'application/json')).toMatchObject([
      { line: 1, id: 'a', status: 'added' },
      { line: 2, id: 'b', status: 'added' },
      { line: 3, status: 'refused' },
      { line: 4, id: 'c', status: 'added' },
      { summary: { rows: 4 } },
    ]);
  });

  it('reads CSV with lists, attributes and quotes', async () => {
    await using api = await runApi();
    const csv =
      'id;name;gateway;tags;attributes.floor;attributes.code\r\ng;"A ""gate""";yes;a, b;2;007\r\nh;;;;;;\r\n';
    const lines = await imported(api, csv, '', 'text/csv');
    expect(lines).toMatchObject([
      { line: 2, id: 'g', status: 'added' },
      { line: 3, status: 'refused', message: 'more cells than columns' },
      { summary: {} },
    ]);
    const wrong = await imported(api, 'id,color\na,red\n', '', 'text/csv');
    expect(wrong).toMatchObject([{ error: { code: 'payload.not_csv' }, summary: { rows: 0 } }]);
  });

  it('says in its last line why the rest of a file could not be read', async () => {
    await using api = await runApi();
    const bytes = Buffer.concat([Buffer.from('{"id":"a"}\n'), Buffer.from([0xff, 0xfe])]);
    const lines = await imported(api, bytes);
    expect(lines.at(-1)).toMatchObject({ error: { code: 'payload.not_utf8' } });
  });

  it('is refused without a body, or of another type', async () => {
    await using api = await runApi();
    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${api.url}/api/v1/bulk/devices`, {
        method: 'POST',
        headers: { ...bearer('admin'), ...headers },
      });
    expect((await post({})).status).toBe(400);
    const other = await fetch(`${api.url}/api/v1/bulk/devices`, {
      method: 'POST',
      headers: { ...bearer('admin'), 'content-type': 'text/plain' },
      body: 'x',
    });
    expect(other.status).toBe(415);
  });
});

describe('an export', () => {
  it.each(['ndjson', 'json', 'csv'] as const)('as %s is what an import takes', async (format) => {
    await using api = await runApi();
    const response = await fetch(`${api.url}/api/v1/bulk/devices?format=${format}`, {
      headers: bearer('admin'),
    });
    const text = await response.text();
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const lines = await imported(api, text, '?existing=skip', type);
    expect(lines.at(-1)).toMatchObject({ summary: { rows: 3, skipped: 3, refused: 0 } });
  });
});
