import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

const candidate = {
  id: 'aabbccddeeff',
  state: 'new',
  name: 'Lamp\u001b[2J',
  names: ['Lamp\u001b[2J'],
  manufacturer: 'Acme',
  identifiers: { mac: ['02:00:00:00:00:01'], ip: ['10.0.0.5'] },
  services: ['_shelly._tcp'],
  attributes: { port: 80 },
  evidence: [{ scanner: 'mdns', text: 'announces it', firstSeenAt: 0, lastSeenAt: 1_000, count: 3 }],
  suggestion: { profile: 'open', preset: 'shelly', reasons: ['offers "_shelly._tcp"'] },
  conflicts: [],
  firstSeenAt: 0,
  lastSeenAt: 1_000,
};
const scanners = [
  {
    name: 'bluetooth',
    condition: { state: 'unavailable', reason: 'no Bluetooth adapter' },
    paceMs: 0,
    sightings: 0,
    dropped: 0,
  },
];

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

describe('discover', () => {
  it('lists what was found, and no terminal sequence gets through', async () => {
    const { seen } = await server(() => ({ body: { candidates: [candidate], total: 1 } }));
    const { stdout, code } = await place.run(['discover', '--text', 'lamp']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/aabbccddeeff +Lamp\\x1b\[2J +Acme +10\.0\.0\.5 +mdns +open \(shelly\)/);
    expect(stdout).not.toContain('\u001b');
    expect(seen[0]?.query.get('text')).toBe('lamp');
    const { stdout: json } = await place.run(['discover', 'list', '--json']);
    expect(JSON.parse(json)).toEqual({ candidates: [candidate], total: 1 });
  });

  it('says why there may be nothing', async () => {
    await server(({ path }) => ({
      body: path.endsWith('/discovery') ? { scanners } : { candidates: [], total: 0 },
    }));
    const { stdout } = await place.run(['discover']);
    expect(stdout).toMatch(/nothing found yet[\s\S]*bluetooth +unavailable: no Bluetooth adapter/);
  });

  it('--watch tells each candidate when it comes and when it changes, not when it is seen again', async () => {
    let asked = 0;
    await server(() => {
      asked += 1;
      const later = { ...candidate, lastSeenAt: 1_000 * asked, name: asked < 3 ? 'Lamp' : 'Lamp 2' };
      return { body: { candidates: [later], total: 1 } };
    });
    const { stdout, code } = await place.run(['discover', '--watch', '--for', '2500ms', '--json']);
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string });
    expect(lines.map(({ name }) => name)).toEqual(['Lamp', 'Lamp 2']);
  });

  it('admit sends what was said, and prints what became of it', async () => {
    const device = { id: 'lamp-1', profile: 'open', preset: 'shelly' };
    const { seen } = await server(() => ({ status: 201, body: { candidate, device, token: 'secret' } }));
    const words = ['discover', 'admit', candidate.id, '--as', 'lamp-1', '--token'];
    const { stdout, code } = await place.run(words);
    expect(code).toBe(0);
    expect(stdout).toBe('lamp-1  profile open, preset shelly\ntoken secret  (shown once)\n');
    expect(seen[0]?.path).toBe(`/api/v1/candidates/${candidate.id}/admit`);
    expect(JSON.parse((await place.run([...words, '--json'])).stdout)).toMatchObject({ token: 'secret' });
  });

  it('show tells the evidence; ignore, block and forget go through the list', async () => {
    const { seen } = await server(({ path }) => ({ body: path.endsWith('ff') ? candidate : {} }));
    const { stdout } = await place.run(['discover', 'show', candidate.id]);
    expect(stdout).toMatch(/suggested as it +offers "_shelly\._tcp"/);
    expect(stdout).toMatch(/mdns +announces it +3/);
    expect((await place.run(['discover', 'ignore', 'a', 'b'])).stdout).toBe('ignored a\nignored b\n');
    expect((await place.run(['discover', 'block', 'a', '--json'])).stdout).toBe('{"blocked":["a"]}\n');
    expect((await place.run(['discover', 'forget', 'a'])).code).toBe(0);
    expect(seen.slice(1).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/v1/candidates/a/ignore',
      'POST /api/v1/candidates/b/ignore',
      'POST /api/v1/candidates/a/block',
      'DELETE /api/v1/candidates/a',
    ]);
  });
});
