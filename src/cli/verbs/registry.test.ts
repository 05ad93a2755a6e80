import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp, problemAnswer, type SeenRequest } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

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

describe('sensorium devices tag', () => {
  it('changes what was read only, and reads again what somebody else changed', async () => {
    let version = 3;
    const { seen } = await server(({ method, headers, body }: SeenRequest) => {
      const tags = version === 3 ? ['old'] : ['old', 'theirs'];
      if (method === 'GET') return { body: { id: 'a', version, tags } };
      if (headers['if-match'] === '"3"') {
        version = 4;
        return problemAnswer(412, 'device.version_conflict', 'a is at version 4');
      }
      return { body: { id: 'a', version: 5, ...(JSON.parse(body) as object) } };
    });
    const { code, stdout } = await place.run(['devices', 'tag', 'a', '--add', 'new', '--remove', 'old']);
    expect([code, stdout]).toEqual([0, 'a  tags theirs, new\n']);
    expect(seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['if-match'])).toEqual(
      ['"3"', '"4"'],
    );
    expect((await place.run(['devices', 'tag', 'a'])).code).toBe(2);
  });
});

describe('sensorium devices change', () => {
  it('takes none for nothing any more', async () => {
    const { seen } = await server(() => ({ body: { id: 'a', version: 2 } }));
    const words = ['--parent', 'none', '--preset', 'none', '--topic-base', 'none', '--identifier', 'mac=aa'];
    expect((await place.run(['devices', 'change', 'a', ...words])).code).toBe(0);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      parent: null,
      preset: null,
      topicBase: '',
      identifiers: { mac: 'aa' },
    });
  });
});

describe('sensorium devices history', () => {
  it('shows who changed what, and lets no text steer the terminal', async () => {
    const changes = [
      {
        at: 0,
        by: 'user:ann',
        kind: 'changed',
        version: 2,
        changes: { name: { from: 'a', to: 'b\u001b[2J' } },
      },
    ];
    await server(() => ({ body: { changes } }));
    const { stdout } = await place.run(['devices', 'history', 'a']);
    expect(stdout).toContain('1970-01-01T00:00:00.000Z  user:ann  changed');
    expect(stdout).toContain('name: a → b\\x1b[2J');
  });
});

describe('sensorium devices import', () => {
  const answers = ({ body }: SeenRequest): { readonly body: string } => {
    const rows = body.trim().split(/\r?\n/);
    const results = rows.slice(body.startsWith('id,') ? 1 : 0).map((row, at) => {
      const id = row.startsWith('{') ? (JSON.parse(row) as { id: string }).id : row.split(',')[0];
      if (id === 'bad')
        return { line: at + 1, id, status: 'refused', code: 'device.exists', message: 'is there' };
      return { line: at + 1, id, status: 'added', token: `t-${id}` };
    });
    return { body: [...results, { summary: {} }].map((one) => `${JSON.stringify(one)}\n`).join('') };
  };

  it('names refused rows by the line of the file, and keeps tokens in a file of its owner', async () => {
    const { seen } = await server(answers);
    await writeFile(join(place.cwd, 'fleet.csv'), 'id,name\na,"two, words"\n\nbad,x\n');
    const run = await place.run(['devices', 'import', 'fleet.csv', '--tokens', 'tokens.csv']);
    expect([run.code, run.stdout]).toEqual([1, '1 added, 1 refused\n']);
    expect(run.stderr).toContain('line 4: bad [device.exists] is there');
    expect(await readFile(join(place.cwd, 'tokens.csv'), 'utf8')).toBe('id,token\r\na,t-a\r\n');
    expect(seen[0]?.query.get('tokens')).toBe('true');
    expect(seen[0]?.body).toBe('id,name\r\na,"two, words"\r\nbad,x\r\n');
  });

  it('takes JSON arrays and NDJSON from standard input', async () => {
    const { seen } = await server(answers);
    await writeFile(join(place.cwd, 'fleet.json'), '[{"id":"a"},\n{"id":"b"}]');
    expect((await place.run(['devices', 'import', 'fleet.json', '--dry-run'])).stdout).toBe(
      'nothing is written; 2 added\n',
    );
    const piped = await place.run(['devices', 'import', '-', '--format', 'ndjson', '--json'], {
      input: '{"id":"c"}\n',
    });
    expect(JSON.parse(piped.stdout)).toMatchObject({ rows: 1, added: 1 });
    expect(seen.map(({ query }) => query.get('dryRun'))).toEqual(['true', 'false']);
    expect((await place.run(['devices', 'import', 'fleet.txt'])).code).toBe(2);
    expect((await place.run(['devices', 'import', 'missing.csv'])).stderr).toContain('file.unreadable');
  });
});

describe('sensorium command', () => {
  const command = {
    id: 'r1',
    device: 'lamp',
    name: 'dim',
    state: 'answered',
    attempts: 1,
    result: { level: 3 },
  };

  it('sends what is given, and says what came of it', async () => {
    const { seen } = await server(() => ({ body: command }));
    const words = ['level=3', 'mode=soft', '--wait', '2s', '--delivery', 'at-most-once'];
    const { code, stdout } = await place.run(['command', 'send', 'lamp', 'dim', ...words]);
    expect([code, stdout]).toEqual([0, 'dim of lamp: answered, sent 1 times\nresult    {"level":3}\n']);
    expect(seen[0]?.query.get('wait')).toBe('2');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      arguments: { level: 3, mode: 'soft' },
      delivery: 'at-most-once',
    });
    await place.run(['command', 'send', 'lamp', 'dim', '{"deep":{"a":1}}']);
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({ arguments: { deep: { a: 1 } } });
  });

  it('fails where the device failed, or did not answer', async () => {
    const failed = {
      ...command,
      state: 'failed',
      result: undefined,
      error: { code: 'E7', message: 'stuck' },
    };
    await server(({ path }) =>
      path.includes('lost') ? problemAnswer(504, 'command.expired', 'no answer') : { body: failed },
    );
    const { code, stdout } = await place.run(['command', 'send', 'lamp', 'dim']);
    expect([code, stdout]).toEqual([1, expect.stringContaining('error     [E7] stuck')]);
    const lost = await place.run(['command', 'send', 'lamp', 'lost']);
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('command.expired')]);
  });
});
