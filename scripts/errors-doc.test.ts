import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../src/model/errors.ts';
import { errorsDocument } from './errors-doc.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  it('is what the table of errors says (else: node scripts/errors-doc.ts > docs/errors.md)', () => {
    expect(page).toBe(errorsDocument());
  });

  it('has one row per code, with its status', () => {
    for (const [code, { status }] of Object.entries(ERRORS)) {
      expect(page.split('\n').filter((line) => line.startsWith(`| \`${code}\` | ${status} |`))).toHaveLength(
        1,
      );
    }
  });
});

describe('the table of errors', () => {
  it('gives each code a status of its kind, a title and a cure that is a sentence', () => {
    for (const [code, { status, title, cure }] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)?$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(title).toMatch(/^\S.*[^.]$/);
      expect(cure).toMatch(/\.$/);
    }
  });
});
