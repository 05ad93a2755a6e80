import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conformanceCases, conformanceDocument, STANDARDS } from './conformance-doc.ts';

const page = readFileSync(new URL('../docs/mqtt-conformance.md', import.meta.url), 'utf8');
const cases = conformanceCases();

describe('docs/mqtt-conformance.md', () => {
  it('lists every statement and every test (else: node scripts/conformance-doc.ts > docs/mqtt-conformance.md)', () => {
    // Results are taken from the page: whether they are still so is what the tests themselves tell.
    const outcomes = new Map(
      [...page.matchAll(/(?:\| |<br>)(passed|failed): (.+?)(?= \||<br>)/g)].map(
        ([, outcome, title = '']) => [title, outcome] as const,
      ),
    );
    const plain = (title: string): string => title.replaceAll('*', '\\*').replaceAll('<', '&lt;');
    expect(
      conformanceDocument((title) => (outcomes.get(plain(title)) === 'passed' ? 'passed' : 'failed')),
    ).toBe(page);
  });

  it('says of each statement how it is tested, or why not', () => {
    for (const { standard, statements } of STANDARDS) {
      // Both standards number alike.
      const own = cases.filter((each) => each.standard === standard);
      const open = statements.filter(
        ({ id, untested }) => (untested === undefined) !== own.some(({ ids }) => ids.includes(id)),
      );
      expect(open.map(({ id }) => id)).toEqual([]);
    }
  });
});

describe('the conformance tests', () => {
  it.each(STANDARDS)('of $name cite statements that there are, under names of their own', (standard) => {
    const own = cases.filter((each) => each.standard === standard.standard);
    const known = new Set(standard.statements.map(({ id }) => id));
    expect(known.size).toBe(standard.statements.length);
    expect(own.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
    expect(own.filter(({ ids }) => ids.length === 0)).toEqual([]);
    const titles = own.map(({ title }) => title);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });
});
