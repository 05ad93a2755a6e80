import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_REPLY_MAX_BYTES } from '../../base/limits.ts';
import { readReply } from './reply.ts';

const read = (text: string): unknown => readReply(Buffer.from(text));

describe('a reply', () => {
  it.each([
    ['', { kind: 'done', result: null }],
    ['OK', { kind: 'done', result: 'OK' }],
    ['42', { kind: 'done', result: 42 }],
    ['{"a":1}', { kind: 'done', result: { a: 1 } }],
    ['{"status":"idle"}', { kind: 'done', result: { status: 'idle' } }],
    ['{"status":"done","result":[1]}', { kind: 'done', result: [1] }],
    ['{"status":"running","percent":40}', { kind: 'running', percent: 40, message: undefined }],
    ['{"status":"running","percent":400}', { kind: 'running', percent: undefined, message: undefined }],
    ['{"status":"failed"}', { kind: 'failed', message: 'failed' }],
  ])('%s is read as what it says', (text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  it('that is too large, too deep or no text is a failure, not an error', () => {
    expect(read('x'.repeat(COMMAND_REPLY_MAX_BYTES + 1))).toMatchObject({ kind: 'failed' });
    expect(read('['.repeat(30_000) + ']'.repeat(30_000))).toMatchObject({ kind: 'failed' });
    expect(readReply(Uint8Array.of(0xff, 0xfe))).toMatchObject({ kind: 'failed' });
    const hostile = readReply(Buffer.from('{"__proto__":{"x":1},"y":2}'));
    expect(hostile).toEqual({ kind: 'done', result: { y: 2 } });
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['done', 'running', 'failed']).toContain(readReply(bytes).kind);
      }),
      { numRuns: 500 },
    );
  });
});
