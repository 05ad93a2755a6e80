import { IMPORT_ROW_MAX_CHARS } from '../../base/limits.ts';

interface Piece {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly text: string;
  readonly fault?: string | undefined;
}

const CHAR = { quote: 0x22, backslash: 0x5c, open: 0x7b, close: 0x7d, lineFeed: 0x0a } as const;
/** What may stand between objects: an array around them, commas, blanks. */
const BETWEEN = /[\s,[\]\uFEFF]/;

/**
 * The objects of a JSON text, cut out of it without parsing: an array of them, one after the other, or one a line.
 * By line, each line is a piece whatever is in it; else what is no object is a piece with a fault up to the end of its line.
 */
export class JsonObjects {
  readonly #byLine: boolean;
  #text = '';
  #line = 1;
  #startLine = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Inside what is no object, or too large: nothing is kept until the line ends. */
  #skipping: string | undefined;

  constructor({ byLine }: { readonly byLine: boolean }) {
    this.#byLine = byLine;
  }

  *push(chunk: string): Generator<Piece> {
    for (let at = 0; at < chunk.length; at += 1) {
      const piece = this.#byLine ? this.#takeOfLine(chunk, at) : this.#take(chunk, at);
      if (piece !== undefined) yield piece;
      if (chunk.charCodeAt(at) === CHAR.lineFeed) this.#line += 1;
    }
  }

  *end(): Generator<Piece> {
    const rest = this.#text.trim();
    if (this.#skipping !== undefined) yield this.#finish(this.#skipping);
    else if (rest !== '') yield this.#finish(this.#byLine ? undefined : 'an object is never closed');
  }

  #takeOfLine(chunk: string, at: number): Piece | undefined {
    if (chunk.charCodeAt(at) !== CHAR.lineFeed) {
      this.#append(chunk.charAt(at));
      return undefined;
    }
    const isBlank = this.#text.trim() === '' && this.#skipping === undefined;
    if (!isBlank) return this.#finish(this.#skipping);
    this.#text = '';
    return undefined;
  }

  #take(chunk: string, at: number): Piece | undefined {
    const code = chunk.charCodeAt(at);
    if (this.#skipping !== undefined)
      return code === CHAR.lineFeed ? this.#finish(this.#skipping) : undefined;
    if (this.#depth === 0) {
      if (code !== CHAR.open) {
        if (!BETWEEN.test(chunk.charAt(at))) this.#skip('not an object');
        return undefined;
      }
      this.#startLine = this.#line;
    }
    this.#append(chunk.charAt(at));
    if (this.#inString) this.#walkString(code);
    else if (code === CHAR.quote) this.#inString = true;
    else if (code === CHAR.open) this.#depth += 1;
    else if (code === CHAR.close) this.#depth -= 1;
    return this.#depth === 0 && this.#skipping === undefined ? this.#finish(undefined) : undefined;
  }

  #walkString(code: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === CHAR.backslash) this.#escaped = true;
    else if (code === CHAR.quote) this.#inString = false;
  }

  #append(char: string): void {
    if (this.#skipping !== undefined) return;
    if (this.#byLine && this.#text === '') this.#startLine = this.#line;
    this.#text += char;
    if (this.#text.length > IMPORT_ROW_MAX_CHARS)
      this.#skip(`longer than ${IMPORT_ROW_MAX_CHARS} characters`);
  }

  #skip(why: string): void {
    if (this.#depth === 0 && !this.#byLine) this.#startLine = this.#line;
    this.#skipping = why;
    this.#text = '';
  }

  #finish(fault: string | undefined): Piece {
    const piece = { line: this.#startLine, text: this.#text, fault };
    this.#text = '';
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#skipping = undefined;
    return piece;
  }
}
