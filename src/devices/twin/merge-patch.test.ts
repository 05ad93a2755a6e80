import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../model/twin.ts';
import { isJsonObject, leavesOf, mergePatch, missingFrom, patchBetween } from './merge-patch.ts';

/** RFC 7396, appendix A, the cases whose target and patch are objects. */
const CASES: readonly (readonly [target: JsonObject, patch: JsonObject, result: JsonObject])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

/** The pseudo code of RFC 7396, section 2, line by line, on a copy. */
function naive(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target)
      ? { ...structuredClone(target) }
      : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = naive(result[name], value);
  }
  return result;
}

const key = fc.constantFrom('a', 'b', 'c', 'a/b', '~');
const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonValue>(null, 0, 1, 'x', true, [], [1, null, { a: null }]),
    fc.dictionary(key, tie('tree'), { maxKeys: 3 }) as fc.Arbitrary<JsonObject>,
  ),
}));
const object = fc.dictionary(key, tree, { maxKeys: 4 }) as fc.Arbitrary<JsonObject>;
const document = object.map((any) => mergePatch({}, any));

describe('merge patch', () => {
  it.each(CASES)('of %j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it('is what the specification says, and leaves target and patch as they were', () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const before = structuredClone({ target, patch });
        expect(mergePatch(target, patch)).toEqual(naive(target, patch));
        expect({ target, patch }).toEqual(before);
      }),
    );
  });

  it('is found between any two documents, and is nothing between equal ones', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const patch = patchBetween(before, after);
        expect(mergePatch(before, patch ?? {})).toEqual(after);
        expect(patchBetween(after, structuredClone(after))).toBeUndefined();
      }),
    );
  });

  it('lets a device that does what is missing have all that is wanted', () => {
    fc.assert(
      fc.property(document, document, (has, wanted) => {
        const then = mergePatch(has, missingFrom(has, wanted) ?? {});
        expect(missingFrom(then, wanted)).toBeUndefined();
        // What it has beside that is its own.
        for (const [name, value] of Object.entries(has))
          if (!Object.hasOwn(wanted, name)) expect(then[name]).toEqual(value);
      }),
    );
  });

  it('names each value by a pointer that no other has', () => {
    fc.assert(
      fc.property(object, (any) => {
        const pointers = [...leavesOf(any)].map(([pointer]) => pointer);
        expect(new Set(pointers).size).toBe(pointers.length);
        for (const [pointer, value] of leavesOf(any)) expect(at(any, pointer)).toEqual(value);
      }),
    );
  });
});

/** RFC 6901, section 4. */
function at(value: JsonValue, pointer: string): JsonValue | undefined {
  let found: JsonValue | undefined = value;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isJsonObject(found) ? found[name] : undefined;
  }
  return found;
}
