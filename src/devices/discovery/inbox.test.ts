import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Identifiers, Sighting } from '../../model/discovery.ts';
import { Inbox } from './inbox.ts';
import { sighting } from './scanner.ts';

const seen = (identifiers: Identifiers, rest: Partial<Sighting> = {}): Sighting =>
  sighting({ scanner: 'test', identifiers, evidence: 'seen', ts: 1_000, ...rest });

const MAC = '02:00:00:00:00:01';
const OTHER_MAC = '02:00:00:00:00:02';

describe('one thing seen in several ways', () => {
  it('is one candidate once a sighting ties its identifiers together', () => {
    const inbox = new Inbox();
    inbox.observe(
      seen({ ip: '10.0.0.5', uuid: 'uuid:2fac1234-31f8-11b4-a222-08002b34c003' }, { names: ['Lamp'] }),
    );
    inbox.observe(seen({ mac: MAC.toUpperCase().replaceAll(':', '-') }, { scanner: 'usb' }));
    expect(inbox.list({}).total).toBe(2);
    const tied = inbox.observe(seen({ ip: '::ffff:10.0.0.5', mac: MAC }, { scanner: 'neighbours' }));
    expect(tied).toMatchObject({ isNew: false, isNews: true });
    const { candidates } = inbox.list({});
    expect(candidates).toHaveLength(1);
    expect(candidates[0]).toMatchObject({ name: 'Lamp', identifiers: { mac: [MAC], ip: ['10.0.0.5'] } });
    expect(candidates[0]?.evidence.map(({ scanner }) => scanner).toSorted()).toEqual([
      'neighbours',
      'test',
      'usb',
    ]);
  });

  it('is no news the second time', () => {
    const inbox = new Inbox();
    const once = seen({ mac: MAC }, { names: ['Lamp'], services: ['_http._tcp'], signalDbm: -70 });
    expect(inbox.observe(once)?.isNews).toBe(true);
    expect(inbox.observe({ ...once, ts: 2_000, signalDbm: -60 })).toMatchObject({
      isNew: false,
      isNews: false,
    });
    expect(inbox.list({}).candidates[0]).toMatchObject({
      firstSeenAt: 1_000,
      lastSeenAt: 2_000,
      signalDbm: -60,
      evidence: [{ count: 2, firstSeenAt: 1_000, lastSeenAt: 2_000 }],
    });
  });
});

describe('two things that claim one identity', () => {
  it('stay apart and name each other', () => {
    const inbox = new Inbox();
    inbox.observe(seen({ mac: MAC, serial: 'SN-778812' }));
    inbox.observe(seen({ mac: OTHER_MAC, serial: 'sn-778812' }));
    inbox.observe(seen({ mac: OTHER_MAC, serial: 'sn-778812' }));
    const { candidates } = inbox.list({});
    expect(candidates).toHaveLength(2);
    const [a, b] = candidates;
    expect([a?.conflicts, b?.conflicts]).toEqual([[b?.id], [a?.id]]);
  });

  it('do not share an address that moved on, nor one that was silent for long', () => {
    const inbox = new Inbox();
    inbox.observe(seen({ mac: MAC, ip: '10.0.0.5' }));
    inbox.observe(seen({ mac: OTHER_MAC, ip: '10.0.0.5' }));
    expect(inbox.list({}).candidates.map(({ conflicts }) => conflicts)).toEqual([[], []]);
    inbox.observe(seen({ ip: '10.0.0.5' }, { names: ['new tenant'], ts: 1_000 + 60 * 60_000 }));
    expect(inbox.list({}).total).toBe(3);
  });

  it('are told by nothing that many things share', () => {
    const inbox = new Inbox();
    for (const serial of ['0123456789', '0000000', 'None', 'aaaa-aaaa']) {
      expect(inbox.observe(seen({ serial, mac: '00:00:00:00:00:00', ip: '127.0.0.1' }))).toBeUndefined();
    }
  });
});

describe('bounds', () => {
  it('lets go of the candidate unseen for longest, not of decided ones', () => {
    const inbox = new Inbox(3);
    const at = (n: number) => seen({ mac: `02:00:00:00:01:0${n}` });
    const kept = inbox.observe(at(0));
    if (kept !== undefined) inbox.decide(kept.found, { state: 'ignored', by: 'me', at: 1 });
    for (const n of [1, 2, 3]) inbox.observe(at(n));
    inbox.observe(at(1));
    inbox.observe(at(4));
    const macs = inbox.list({ state: 'all' }).candidates.flatMap(({ identifiers }) => identifiers.mac ?? []);
    expect(macs.map((mac) => mac.at(-1)).toSorted()).toEqual(['0', '1', '3', '4']);
  });

  it('cleans and cuts what strangers say', () => {
    const inbox = new Inbox();
    const evil = `\u001b[2J<script>alert(1)</script>\u202Egnp.exe\0${'x'.repeat(4_096)}`;
    inbox.observe(
      seen(
        { mac: MAC, hostName: evil },
        {
          names: [evil],
          manufacturer: evil,
          model: '\u200E\u200F\u0007',
          services: Array.from({ length: 500 }, (_, n) => `${n}${evil}`),
          attributes: { __proto__: 'x', [evil]: evil, constructor: 'x' },
          evidence: evil,
        },
      ),
    );
    const [candidate] = inbox.list({}).candidates;
    const text = JSON.stringify(candidate);
    expect(text.length).toBeLessThan(20_000);
    expect(text).not.toMatch(/[\u202E\u200E\u200F]|\\u00|\\n/);
    expect(candidate?.model).toBeUndefined();
    expect(Object.keys(candidate?.attributes ?? {})).not.toContain('constructor');
  });

  it('pages through everything once, in id order', () => {
    const inbox = new Inbox();
    for (let n = 0; n < 25; n += 1) inbox.observe(seen({ ip: `10.0.0.${n + 1}` }));
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const page = inbox.list({ after, limit: 10 });
      expect(page.total).toBe(25);
      ids.push(...page.candidates.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(ids).toHaveLength(25);
  });
});

it('whatever the order of sightings, things with different MACs are never one, and each is found by its MAC', () => {
  const pick = (values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
  const any = fc.record({
    mac: pick([MAC, OTHER_MAC, '02:00:00:00:00:03']),
    serial: pick(['SN-1111x', 'SN-2222x']),
    hostName: pick(['a.local', 'b.local']),
    ip: pick(['10.0.0.1', '10.0.0.2']),
    uuid: pick(['11111111-2222-3333-4444-555555555555']),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (all) => {
      const inbox = new Inbox(10);
      for (const [n, identifiers] of all.entries()) {
        const observed = inbox.observe(seen(identifiers, { ts: 1_000 + n }));
        if (observed === undefined) continue;
        const again = inbox.observe(seen(identifiers, { ts: 1_000 + n }));
        expect(again?.found).toBe(observed.found);
        const shown = observed.found.show();
        if (identifiers.mac !== undefined) expect(shown.identifiers.mac).toEqual([identifiers.mac]);
      }
      const { candidates } = inbox.list({ state: 'all' });
      expect(candidates.every(({ identifiers: { mac = [] } }) => mac.length <= 1)).toBe(true);
    }),
  );
});
