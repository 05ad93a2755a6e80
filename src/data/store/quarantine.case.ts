import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  QUARANTINE_MAX_ROWS,
  QUARANTINE_ROWS_PER_PACKET_MAX,
  QUARANTINE_SENDER_MAX_BYTES,
  QUARANTINE_SENDER_MAX_PACKETS,
} from '../../base/limits.ts';
import { DROP_REASONS } from '../../model/ports/ledger.ts';
import { hourOf, Ledger } from '../pipeline/ledger.ts';
import type { SetAside } from '../pipeline/set-aside.ts';
import { NOW } from '../test-kit.ts';
import { commitOf } from './store.case.ts';
import type { Store, StoreCommit } from './store.ts';

/** What every store promises of its quarantine. */

const never = new AbortController().signal;

const aside = (offset: number, origin: string, more: Partial<SetAside> = {}): SetAside => ({
  offset,
  origin,
  device: origin,
  topic: `v1/${origin}/telemetry`,
  receivedAt: NOW,
  format: 'auto',
  isStored: false,
  profile: 'p',
  profileVersion: 3,
  refused: 1,
  size: 2,
  payload: Buffer.from('{"'),
  part: undefined,
  ...more,
});

const row = ({ offset, device, topic, receivedAt }: SetAside, code = 'payload.not_json' as const) => ({
  offset,
  device,
  topic,
  receivedAt,
  index: -1,
  code,
  message: "it's \0 broken",
  sample: '{"',
});

const commit = (asides: readonly SetAside[], more: Partial<StoreCommit> = {}): StoreCommit =>
  commitOf([], { asides, quarantine: asides.map((one) => row(one)), ...more });

/** A ledger in which these packets came and were quarantined. */
function counted(asides: readonly SetAside[]): Ledger {
  const ledger = new Ledger({ senders: [], open: [] });
  for (const { origin, receivedAt } of asides) ledger.count(origin, receivedAt, 'quarantined');
  return ledger;
}

export function quarantineCases(
  name: string,
  make: () => Promise<{ open: () => Store; remove: () => Promise<void> }>,
) {
  describe(`the quarantine of ${name}`, () => {
    let place: Awaited<ReturnType<typeof make>>;
    let store: Store;

    beforeEach(async () => {
      place = await make();
      store = place.open();
      await store.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const offsets = async (filter: Parameters<Store['quarantine']>[0] = {}): Promise<number[]> =>
      (await store.quarantine(filter, 1_000_000, never)).map(({ offset }) => offset);

    it('is listed newest first, by device, reason and time, with what refused it', async () => {
      await store.commit(commit([aside(1, 'a'), aside(2, 'b', { receivedAt: NOW + 5 })]));
      await store.commit(commit([aside(3, 'a', { isStored: true, payload: undefined, size: 9 })]));
      expect(await offsets()).toEqual([3, 2, 1]);
      expect(await store.quarantine({ device: 'a' }, 1, never)).toEqual([
        {
          ...row(aside(3, 'a')),
          origin: 'a',
          stored: true,
          profile: 'p',
          profileVersion: 3,
          bytes: 9,
          replayable: false,
        },
      ]);
      expect(await offsets({ code: 'reading.type' })).toEqual([]);
      expect(await offsets({ code: 'payload.not_json', since: NOW + 5, until: NOW + 6 })).toEqual([2]);
      expect(await offsets({ device: "a' OR 1=1 --" })).toEqual([]);
    });

    it('gives a packet back byte for byte, after a restart, too', async () => {
      const payload = Uint8Array.from({ length: 300 }, (_, at) => at);
      const part = { bits: Uint8Array.of(0, 255, 1), calls: 17, trace: 4_000_000_000 };
      const one = aside(7, 'a', {
        payload,
        size: 300,
        isStored: true,
        part,
        refused: 9,
        format: 'senml+cbor',
      });
      await store.commit(commit([one]));
      await store.close();
      store = place.open();
      await store.open();
      expect(await store.quarantined(7, never)).toMatchObject({
        refused: 9,
        format: 'senml+cbor',
        payload,
      });
      expect(await store.quarantined(8, never)).toBeUndefined();
      const request = { filter: {}, after: -1, limit: 10, maxBytes: 1 };
      expect(await store.asides(request)).toEqual({ packets: [one], hasMore: false });
    });

    it('is walked over oldest first, in steps of so many packets and bytes', async () => {
      await store.commit(commit(Array.from({ length: 5 }, (_, at) => aside(at, 'a'))));
      const walk = async (more: { limit?: number; maxBytes?: number; after?: number }) => {
        const found = await store.asides({ filter: {}, after: -1, limit: 10, maxBytes: 100, ...more });
        return [found.packets.map(({ offset }) => offset), found.hasMore];
      };
      expect(await walk({ limit: 2 })).toEqual([[0, 1], true]);
      expect(await walk({ limit: 2, after: 1 })).toEqual([[2, 3], true]);
      expect(await walk({ limit: 2, after: 3 })).toEqual([[4], false]);
      expect(await walk({ maxBytes: 6 })).toEqual([[0, 1, 2], true]);
      expect(await walk({ maxBytes: 1 })).toEqual([[0], true]);
    });

    it('lets packets go, and takes them again with new reasons, in one commit', async () => {
      await store.commit(commit([aside(1, 'a'), aside(2, 'a')]));
      const again = aside(2, 'a', { profileVersion: 4 });
      await store.commit(commit([again], { released: [1, 2] }));
      expect(await offsets()).toEqual([2]);
      expect(await store.quarantine({}, 9, never)).toMatchObject([{ profileVersion: 4 }]);
      expect(store.quarantineUse).toEqual({ packets: 1, bytes: 2, trimmed: 0 });
    });

    it('is bounded in reasons, oldest packets first, and the ledger says what made room', async () => {
      // With a hundred reasons each.
      const refused = QUARANTINE_ROWS_PER_PACKET_MAX;
      const most = QUARANTINE_MAX_ROWS / refused;
      const many = (from: number, count: number, isStored: boolean): SetAside[] =>
        Array.from({ length: count }, (_, at) => aside(from + at, `s${at % 10}`, { isStored, refused }));
      const first = many(0, most, false);
      await store.commit(commit(first, { ledger: counted(first).rows() }));
      await store.commit(commit(many(most, 200, true)));
      const kept = await offsets();
      expect(kept).toHaveLength(most);
      expect(kept.at(-1)).toBe(200);
      expect(store.quarantineUse).toMatchObject({ packets: most, trimmed: 200 });
      const hour = hourOf(NOW);
      const { total, totalDrops } = await store.ledger({ from: hour, to: hour + 1, limit: 100 }, never);
      expect(total).toMatchObject({ quarantined: most - 200 });
      const reason = DROP_REASONS.indexOf('quarantine_full');
      expect(totalDrops).toEqual([{ sender: '', hour: 0, reason, count: 200 }]);
    });

    it('gives each sender its own room: a flood costs nobody else a packet', async () => {
      const quiet = aside(0, 'quiet');
      await store.commit(commit([quiet]));
      const flood = Array.from({ length: QUARANTINE_SENDER_MAX_PACKETS + 1 }, (_, at) =>
        aside(at + 1, 'loud'),
      );
      await store.commit(commit(flood));
      expect(store.quarantineUse.packets).toBeLessThanOrEqual(QUARANTINE_SENDER_MAX_PACKETS);
      const size = 1_048_576;
      const payload = new Uint8Array(size);
      const large = Array.from({ length: QUARANTINE_SENDER_MAX_BYTES / size + 1 }, (_, at) =>
        aside(100_000 + at, 'large', { payload, size }),
      );
      await store.commit(commit(large));
      expect(store.quarantineUse.bytes).toBeLessThanOrEqual(
        QUARANTINE_SENDER_MAX_BYTES + 2 * QUARANTINE_SENDER_MAX_PACKETS,
      );
      expect(await offsets({ device: 'quiet' })).toEqual([0]);
      expect((await offsets({ device: 'large' })).at(0)).toBe(100_000 + large.length - 1);
    });
  });
}
