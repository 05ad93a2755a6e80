import { describe, expect, it } from 'vitest';
import { Window } from './window.ts';

const open = (size: number, stallMaxMs = 60_000) => {
  const controller = new AbortController();
  return { window: new Window({ size, stallMaxMs, signal: controller.signal }), controller };
};

describe('the window of unacknowledged messages', () => {
  it('makes the sender wait at its bound, and goes on with the next acknowledgement', async () => {
    const { window } = open(2);
    const order: string[] = [];
    await window.room();
    window.take();
    await window.room();
    window.take();
    const waiting = window.room().then(() => order.push('room'));
    await Promise.resolve();
    order.push('released');
    window.release();
    await waiting;
    expect(order).toEqual(['released', 'room']);
  });

  it('is empty only after the last acknowledgement', async () => {
    const { window } = open(5);
    for (let i = 0; i < 3; i += 1) window.take();
    const empty = window.empty();
    for (let i = 0; i < 3; i += 1) setTimeout(() => window.release(), i);
    await empty;
    expect(window.inUse).toBe(0);
  });

  it('ends quietly by the signal', async () => {
    const { window, controller } = open(1);
    window.take();
    setTimeout(() => controller.abort(), 5);
    await window.empty();
    expect(window.inUse).toBe(1);
  });

  it('gives up on a server that acknowledges nothing any more', async () => {
    const { window } = open(1, 20);
    window.take();
    await expect(window.room()).rejects.toMatchObject({ code: 'server.unreachable' });
  });
});
