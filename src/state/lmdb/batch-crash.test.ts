import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import { openStateStore } from './lmdb-state.ts';

const CYCLES = 8;
const child = fileURLToPath(new URL('./batch-crash.child.ts', import.meta.url));

/** Runs the child until it has told of `batches`, kills it a little later, and returns the last it told of. */
async function runAndKill(path: string, seed: number, batches: number, delayMs: number): Promise<number> {
  const running = spawn(process.execPath, [child, path, `${seed}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  running.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > batches) setTimeout(() => running.kill('SIGKILL'), delayMs);
  });
  const [, signal] = await once(running, 'close');
  expect(signal).toBe('SIGKILL');
  return Number(text.split('\n').at(-2));
}

it('has each batch whole or not at all after kill -9 at any moment, and every one that resolved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'state');
  const random = seededRandom(11);
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    const told = await runAndKill(path, cycle, 1 + Math.floor(random.next() * 30), random.next() * 15);
    const store = await openStateStore({ path, logger: silentLogger });
    const left = new Map(store.table<number>('left').entries());
    const right = new Map(store.bytes('right').entries());
    expect(left.get('batch')).toBeGreaterThanOrEqual(told);
    left.delete('batch');
    right.delete('alone');
    const batchOf = (bytes: Uint8Array): number => Number.parseInt(Buffer.from(bytes).toString(), 10);
    const halves = new Map([...right].map(([key, bytes]) => [key, batchOf(bytes)]));
    expect(left.size).toBeGreaterThan(0);
    expect(halves).toEqual(left);
    await store.close();
  }
});
