import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Secret } from '../base/secret.ts';
import { problem } from '../model/errors.ts';
import { createLogger, type LoggerOptions } from './logger.ts';

function record(level: LoggerOptions['level'] = 'debug') {
  const lines: string[] = [];
  const logger = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { logger, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the logger', () => {
  it('writes one JSON object per line, with level as a word and time as RFC 3339', () => {
    const { logger, entries } = record();
    logger.child({ part: 'http' }).warn({ port: 1 }, 'told');
    expect(entries()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
        part: 'http',
        port: 1,
        msg: 'told',
      },
    ]);
  });

  it('leaves out what is below its level', () => {
    const { logger, entries } = record('warn');
    logger.debug({}, 'a');
    logger.info({}, 'b');
    logger.error({}, 'c');
    expect(entries().map(({ msg }) => msg)).toEqual(['c']);
  });

  it('writes no secret: by type, and by the name of the field, at any depth', () => {
    const { logger, entries } = record();
    const secret = new Secret('hunter2');
    logger.info(
      {
        password: 'hunter2',
        Authorization: 'Bearer hunter2',
        plain: secret,
        nested: { list: [{ accessToken: 'hunter2', kept: 1 }], inner: { secret } },
        bytes: Buffer.from('hunter2'),
        tokens: 3,
      },
      `as text: ${String(secret)}`,
    );
    logger.child({ client_secret: 'hunter2' }).info({}, 'child');
    const text = JSON.stringify(entries());
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(JSON.stringify([...Buffer.from('hunter2')]).slice(1, -1));
    expect(entries()[0]).toMatchObject({ nested: { list: [{ kept: 1 }] }, bytes: '[7 bytes]', tokens: 3 });
  });

  it('writes errors with code and cause, and ends in cycles and depths', () => {
    const { logger, entries } = record();
    const cycle: Record<string, unknown> = { big: 10n };
    cycle['self'] = cycle;
    logger.error({ error: problem('log.failed', 'no', { cause: new Error('EIO') }), cycle }, 'failed');
    expect(entries()[0]).toMatchObject({
      error: { name: 'SensoriumError', code: 'log.failed', message: 'no', cause: { message: 'EIO' } },
      cycle: { big: '10' },
    });
  });

  it('has its last line on standard error when the process exits at once', () => {
    const module = fileURLToPath(new URL('./logger.ts', import.meta.url));
    const script = `import { createLogger } from ${JSON.stringify(module)};
      createLogger({ level: 'info' }).error({ n: 1 }, 'the last words');
      process.exit(3);`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([run.status, run.stdout]).toEqual([3, '']);
    expect(JSON.parse(run.stderr)).toMatchObject({ level: 'error', n: 1, msg: 'the last words' });
  });
});
