import { describe, expect, it } from 'vitest';
import { MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX } from '../../../base/limits.ts';
import { id } from '../../../security/security-fixture.case.ts';
import { Machine } from './test-machine.ts';

describe('a client that makes up a new id at each connect', () => {
  it('loses the session it left first, and costs nobody else one', async () => {
    const machine = new Machine();
    const world = await machine.start();
    const other = world.connect('other');
    world.lose(other);
    const principal = { kind: 'device', id: id('d1') } as const;
    for (let i = 0; i < MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX + 5; i += 1)
      world.lose(world.connect(`c${i}`, { principal }));
    expect(world.registry.size).toBe(MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX + 1);
    const isThere = (name: string): boolean => world.connect(name, { principal }).opened.isPresent;
    expect(['c4', 'c5', 'c6'].map(isThere)).toEqual([false, true, true]);
    expect(world.connect('other').opened.isPresent).toBe(true);
  });

  it('is not limited while it is connected, or comes back', async () => {
    const machine = new Machine();
    const world = await machine.start();
    for (let round = 0; round < 3; round += 1) {
      const clients = Array.from({ length: MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX }, (_, index) =>
        world.connect(`c${index}`),
      );
      expect(clients.every(({ opened }) => opened.isPresent === round > 0)).toBe(true);
      for (const client of clients) world.lose(client);
    }
  });
});
