/**
 * What every state store must do, whoever stores it. Each implementation runs these cases from its own test file.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../model/ports/state.ts';

export interface StateUnderTest {
  readonly store: StateStore;
  /** Closes it, and opens the same again. */
  reopen(): Promise<StateUnderTest>;
  /** Closes it, and removes what was stored. */
  dispose(): Promise<void>;
}

interface Row {
  readonly n: number;
  readonly tags?: readonly string[];
}

export function stateCases(name: string, open: () => Promise<StateUnderTest>): void {
  describe(`${name} as a state store`, () => {
    let under: StateUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.dispose());

    for (const cases of [tableCases, valueCases, orderCases, batchCases]) cases(() => under.store);

    it('refuses a batch with a key no table can hold, whole', async () => {
      const rows = under.store.table<Row>('rows');
      const batch = under.store.batch(() => {
        void rows.put('a', { n: 1 });
        void rows.put('', { n: 2 });
      });
      await expect(batch).rejects.toThrow('BUG');
      expect(rows.count).toBe(0);
    });

    it('has what was put when it is opened again', async () => {
      await under.store.table<Row>('rows').put('a', { n: 1, tags: ['x', 'é'] });
      await under.store.bytes('blobs').put('a', Buffer.from([0, 255, 1]));
      under = await under.reopen();
      expect(under.store.table<Row>('rows').get('a')).toEqual({ n: 1, tags: ['x', 'é'] });
      expect([...(under.store.bytes('blobs').get('a') ?? [])]).toEqual([0, 255, 1]);
    });
  });
}

function tableCases(opened: () => StateStore): void {
  it('gives back what was put last, and nothing after it is removed', async () => {
    const rows = opened().table<Row>('rows');
    expect([rows.get('a'), rows.count]).toEqual([undefined, 0]);
    await rows.put('a', { n: 1 });
    await rows.put('a', { n: 2 });
    await rows.put('b', { n: 3 });
    expect([rows.get('a'), rows.get('b'), rows.count]).toEqual([{ n: 2 }, { n: 3 }, 2]);
    expect(await rows.remove('a')).toBe(true);
    expect(await rows.remove('a')).toBe(false);
    expect([rows.get('a'), rows.count]).toEqual([undefined, 1]);
  });

  it('keeps writes of one turn in their order', async () => {
    const rows = opened().table<Row>('rows');
    const puts = Array.from({ length: 50 }, (_, n) => rows.put('a', { n }));
    const removed = rows.remove('a');
    const last = rows.put('a', { n: 99 });
    await Promise.all(puts);
    expect(await removed).toBe(true);
    await last;
    expect(rows.get('a')).toEqual({ n: 99 });
  });

  it('keeps tables apart, and a name for one kind of values', async () => {
    const store = opened();
    await store.table<Row>('one').put('k', { n: 1 });
    await store.table<Row>('two').put('k', { n: 2 });
    await store.bytes('three').put('k', Buffer.from('3'));
    expect(store.table<Row>('one').get('k')).toEqual({ n: 1 });
    expect(store.table<Row>('two').get('k')).toEqual({ n: 2 });
    expect(() => store.table('three')).toThrow('BUG');
    expect(() => store.bytes('one')).toThrow('BUG');
    expect(() => store.table('@no')).toThrow('BUG');
  });
}

function valueCases(opened: () => StateStore): void {
  it('gives back any JSON value and any bytes', async () => {
    const store = opened();
    const values = store.table<unknown>('values');
    const blobs = store.bytes('blobs');
    await fc.assert(
      fc.asyncProperty(
        fc
          .jsonValue({ noUnicodeString: false })
          .filter((value) => !JSON.stringify(value).includes('__proto__')),
        fc.uint8Array({ maxLength: 20_000 }),
        async (value, bytes) => {
          await Promise.all([values.put('k', value), blobs.put('k', bytes)]);
          expect(values.get('k')).toEqual(JSON.parse(JSON.stringify(value)));
          expect(Buffer.compare(blobs.get('k') ?? Buffer.alloc(0), bytes)).toBe(0);
        },
      ),
      { numRuns: 40, seed: 1_790 },
    );
  });

  it('gives values nobody else can change, and takes bytes the caller may reuse', async () => {
    const store = opened();
    const rows = store.table<{ n: number }>('rows');
    const row = { n: 1 };
    const chunk = Buffer.from('one');
    const done = Promise.all([rows.put('a', row), store.bytes('blobs').put('a', chunk)]);
    row.n = 2;
    chunk.write('two');
    await done;
    const read = rows.get('a');
    if (read !== undefined) read.n = 3;
    expect(rows.get('a')).toEqual({ n: 1 });
    expect(Buffer.from(store.bytes('blobs').get('a') ?? []).toString()).toBe('one');
  });

  it('hands nobody a prototype', async () => {
    const values = opened().table<Record<string, unknown>>('values');
    await values.put('k', JSON.parse('{"__proto__":{"admin":true},"in":{"__proto__":{"admin":true},"a":1}}'));
    const value = values.get('k') ?? {};
    expect(Object.assign({}, value).admin).toBeUndefined();
    expect(Object.keys(value)).toEqual(['in']);
    expect(value.in).toEqual({ a: 1 });
  });

  it('refuses a key no table can hold', async () => {
    const rows = opened().table<Row>('rows');
    await expect(rows.put('', { n: 1 })).rejects.toThrow('BUG');
    await expect(rows.put('x'.repeat(3_000), { n: 1 })).rejects.toThrow('BUG');
    await expect(rows.put('\ud800', { n: 1 })).rejects.toThrow('BUG');
    await rows.put('x'.repeat(1_800), { n: 1 });
    expect(rows.get('x'.repeat(1_800))).toEqual({ n: 1 });
  });
}

function orderCases(opened: () => StateStore): void {
  it('lists in key order, by prefix, after a key, up to a limit', async () => {
    const rows = opened().table<number>('rows');
    const keys = ['b', 'a', 'a/2', 'a/10', 'a/1', 'c', 'é', 'a0', '\u{1f600}'];
    await Promise.all(keys.map((key, n) => rows.put(key, n)));
    const list = (range?: Parameters<typeof rows.entries>[0]): string[] =>
      [...rows.entries(range)].map(([key]) => key);
    const ordered = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(list()).toEqual(ordered);
    expect(list({ prefix: 'a/' })).toEqual(['a/1', 'a/10', 'a/2']);
    expect(list({ prefix: 'a/', after: 'a/1' })).toEqual(['a/10', 'a/2']);
    expect(list({ prefix: 'a/', after: 'a/1', limit: 1 })).toEqual(['a/10']);
    expect(list({ prefix: 'b', after: 'a' })).toEqual(['b']);
    expect(list({ after: 'b' })).toEqual(['c', 'é', '\u{1f600}']);
    expect(list({ after: 'bb', limit: 0 })).toEqual([]);
    expect(list({ prefix: 'zz' })).toEqual([]);
    expect([...rows.entries({ prefix: 'b' })]).toEqual([['b', 0]]);
  });

  it('lists bytes that stay as they are', async () => {
    const blobs = opened().bytes('blobs');
    const sizes = [3, 40_000, 0, 5_000];
    const values = sizes.map((size, n) => Buffer.alloc(size, n + 1));
    await Promise.all(values.map((value, n) => blobs.put(`k${n}`, value)));
    const listed = [...blobs.entries()].map(([, value]) => value);
    await Promise.all(values.map((_, n) => blobs.put(`k${n}`, Buffer.alloc(40_000, 9))));
    expect(blobs.get('k0')?.length).toBe(40_000);
    expect(listed.map((value) => Buffer.from(value))).toEqual(values);
  });

  it('can be changed while it is listed', async () => {
    const rows = opened().table<number>('rows');
    await Promise.all(Array.from({ length: 200 }, (_, n) => rows.put(`k${1_000 + n}`, n)));
    let seen = 0;
    for (const [key] of rows.entries()) {
      seen += 1;
      await rows.remove(key);
    }
    expect([seen, rows.count]).toEqual([200, 0]);
  });
}

/** Those of batches, for stores in memory, too. */
export function batchCases(opened: () => StateStore): void {
  it('has all of a batch, on any tables, in its order', async () => {
    const store = opened();
    const rows = store.table<Row>('rows');
    const blobs = store.bytes('blobs');
    await rows.put('old', { n: 0 });
    const answers: Promise<boolean>[] = [];
    const chunk = Buffer.from('one');
    await store.batch(() => {
      void rows.put('a', { n: 1 });
      void rows.put('a', { n: 2 });
      void blobs.put('b', chunk);
      answers.push(rows.remove('old'), rows.remove('none'));
      void rows.put('gone', { n: 3 });
      answers.push(rows.remove('gone'));
      chunk.write('two');
    });
    expect([rows.get('a'), rows.count]).toEqual([{ n: 2 }, 1]);
    expect(Buffer.from(blobs.get('b') ?? []).toString()).toBe('one');
    expect(await Promise.all(answers)).toEqual([true, false, true]);
  });

  it('keeps batches and single writes of one turn in their order', async () => {
    const store = opened();
    const rows = store.table<number>('rows');
    const before = rows.put('a', 1);
    const batches = [2, 3].map((n) =>
      store.batch(() => {
        void rows.put('a', n);
        void rows.put(`b${n}`, n);
      }),
    );
    const after = rows.put('b3', 4);
    await Promise.all([before, ...batches, after]);
    expect([rows.get('a'), rows.get('b2'), rows.get('b3')]).toEqual([3, 2, 4]);
  });

  it('takes thousands of writes as one batch', async () => {
    const store = opened();
    const rows = store.table<number>('rows');
    await store.batch(() => {
      for (let n = 0; n < 5_000; n += 1) void rows.put(`k${n}`, n);
    });
    expect([rows.count, rows.get('k0'), rows.get('k4999')]).toEqual([5_000, 0, 4_999]);
    await store.batch(() => {
      for (let n = 0; n < 5_000; n += 2) void rows.remove(`k${n}`);
    });
    expect([rows.count, rows.get('k0'), rows.get('k4999')]).toEqual([2_500, undefined, 4_999]);
  });

  it('does nothing of a batch that throws, and goes on', async () => {
    const store = opened();
    const rows = store.table<number>('rows');
    await rows.put('kept', 1);
    let removed: Promise<boolean> | undefined;
    const batch = store.batch(() => {
      void rows.put('a', 1);
      removed = rows.remove('kept');
      throw new RangeError('half way');
    });
    await expect(batch).rejects.toThrow('half way');
    await expect(removed).rejects.toThrow('half way');
    expect([rows.get('a'), rows.get('kept')]).toEqual([undefined, 1]);
    await store.batch(() => void rows.put('a', 2));
    await rows.put('b', 3);
    expect([rows.get('a'), rows.get('b')]).toEqual([2, 3]);
  });

  it('ends at once when a batch is empty, and has no batch inside another', async () => {
    const store = opened();
    await store.batch(() => undefined);
    let inner: Promise<void> | undefined;
    await store.batch(() => {
      inner = store.batch(() => undefined);
      inner.catch(() => undefined);
    });
    await expect(inner).rejects.toThrow('BUG');
  });
}
