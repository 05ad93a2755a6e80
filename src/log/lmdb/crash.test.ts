import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { Offset } from '../../model/packet.ts';
import { crashPacket } from './crash.packet.ts';
import { optionsAt, temporaryFolder } from './lmdb-log.fixture.ts';
import { openLog } from './lmdb-log.ts';
import { openLogReader } from './log-reader.ts';

const CYCLES = 10;
const child = fileURLToPath(new URL('./crash.child.ts', import.meta.url));

/** Runs the child until it has acknowledged `acks` commits, kills it, and returns the last acknowledged offset. */
async function runAndKill(path: string, acks: number, delayMs: number): Promise<Offset> {
  const running = spawn(process.execPath, [child, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  running.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > acks) setTimeout(() => running.kill('SIGKILL'), delayMs);
  });
  const [, signal] = await once(running, 'close');
  expect(signal).toBe('SIGKILL');
  return Number(text.split('\n').at(-2));
}

it('has every acknowledged record after kill -9 at any moment, with its bytes and in order', async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'log');
  const random = seededRandom(9);
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const acknowledged = await runAndKill(path, 1 + Math.floor(random.next() * 40), random.next() * 10);
    const log = await openLog(optionsAt(path));
    expect(log.next).toBeGreaterThan(acknowledged);
    const reader = openLogReader({ path });
    const wrong: Offset[] = [];
    let expected = 0;
    while (expected < log.next) {
      const next = reader.read(expected, 1_000_000, (record) => {
        const { topic, payload, receivedAt } = crashPacket(expected);
        const same = record.topic === topic && record.receivedAt === receivedAt;
        const isRight = same && record.offset === expected && Buffer.compare(record.payload, payload) === 0;
        if (!isRight) wrong.push(expected);
        expected += 1;
      });
      expect(next).toBe(expected);
    }
    expect(wrong).toEqual([]);
    await reader.close();
    await log.close();
  }
  folder.remove();
}, 120_000);
