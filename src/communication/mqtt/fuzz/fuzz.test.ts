import { describe, expect, it } from 'vitest';
import { campaign } from './campaign.fuzz.ts';
import { startTarget } from './target.fuzz.ts';

const PACKETS = 20_000;

describe('whatever clients say', () => {
  it(`the server serves on and forgets them (${PACKETS} packets)`, async () => {
    await using target = await startTarget();
    const { ports, tick } = target;
    const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    const report = await campaign({ seed, packets: PACKETS, ports, tick });
    const { clients, sent, received, findings } = report;
    console.log(`fuzz seed ${seed}: ${clients} clients, ${sent} packets sent, ${received} received`);
    expect(findings).toEqual([]);
    expect(received).toBeGreaterThan(PACKETS / 10);
    expect(target.sessions).toBeGreaterThan(0);
    await target.forget();
    expect(target.sessions).toBe(0);
    expect(target.retained).toBeLessThan(10);
  });
});
