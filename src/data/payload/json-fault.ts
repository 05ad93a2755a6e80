import { JSON_FAULT_SEARCH_MAX_CHARS } from '../../base/limits.ts';
import type { Refusal } from './sink.ts';
import { shown } from './text.ts';

/**
 * Where a text stops being JSON. V8 leaves the position out of most of its messages and quotes the payload in
 * them; this second look, taken only after JSON.parse has refused, finds the first bad character by itself.
 */

// Sticky expressions of RFC 8259; each consumes a whole token or nothing.
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** What a string may hold between its quotes: no quote, backslash, or control character below U+0020. */
const PLAIN = /[[^"\\]--[\p{Cc}--[\x7f-\x9f]]]+/vy;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class Scanner {
  readonly #text: string;
  position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(expression: RegExp): boolean {
    expression.lastIndex = this.position;
    const found = expression.exec(this.#text);
    if (found === null) return false;
    this.position += found[0].length;
    return found[0].length > 0;
  }

  takeSpace(): void {
    for (;;) {
      const char = this.#text[this.position];
      if (char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') return;
      this.position += 1;
    }
  }

  takeChar(char: string): boolean {
    this.takeSpace();
    if (this.#text[this.position] !== char) return false;
    this.position += 1;
    return true;
  }

  takeString(): boolean {
    if (!this.takeChar('"')) return false;
    do this.take(PLAIN);
    while (this.take(ESCAPE));
    if (this.#text[this.position] !== '"') return false;
    this.position += 1;
    return true;
  }

  /** A number, a word or a string: what neither opens nor closes anything. */
  takeScalar(): boolean {
    this.takeSpace();
    return this.#text[this.position] === '"' ? this.takeString() : this.take(SCALAR);
  }
}

/** Offset of the first character that cannot stand where it stands. `text` has been refused by JSON.parse. */
function faultPosition(text: string): number {
  const scanner = new Scanner(text);
  const open: ('{' | '[')[] = [];
  const opens = (): boolean => {
    if (scanner.takeChar('{')) open.push('{');
    else if (scanner.takeChar('[')) open.push('[');
    else return false;
    return true;
  };
  const key = (): boolean => scanner.takeString() && scanner.takeChar(':');
  for (;;) {
    if (opens()) {
      const closed = scanner.takeChar(open.at(-1) === '{' ? '}' : ']');
      if (!closed) {
        if (open.at(-1) === '{' && !key()) break;
        continue;
      }
      open.pop();
    } else if (!scanner.takeScalar()) break;
    // A value has ended: close what closes, then a comma must lead to the next one.
    while (open.length > 0 && scanner.takeChar(open.at(-1) === '{' ? '}' : ']')) open.pop();
    if (open.length === 0) {
      scanner.takeSpace();
      break;
    }
    if (!scanner.takeChar(',')) break;
    if (open.at(-1) === '{' && !key()) break;
  }
  return scanner.position;
}

/** The longest token that the end of the search could cut in two. */
const CUT_TOKEN_CHARS = 8;

/** 'payload.not_json' with position, line and column (counted from 1) of the fault. */
export function notJson(text: string): Refusal {
  const searched = text.slice(0, JSON_FAULT_SEARCH_MAX_CHARS);
  const position = faultPosition(searched);
  if (searched.length < text.length && position > searched.length - CUT_TOKEN_CHARS) {
    return ['payload.not_json', `after position ${searched.length - CUT_TOKEN_CHARS}`];
  }
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const found = position >= text.length ? 'the text ends' : `${shown(text.charAt(position))} is unexpected`;
  return ['payload.not_json', `at position ${position} (line ${line}, column ${column}) ${found}`];
}
