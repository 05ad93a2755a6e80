/**
 * Just enough of a TypeScript scanner to find imports that are really there: words, strings and punctuation, without
 * what stands in comments, templates and regular expressions. TypeScript 7 has no stable API to ask instead.
 */

export interface Token {
  readonly kind: 'word' | 'string' | 'punctuation' | 'opaque';
  /** Strings without their quotes; opaque tokens (templates, regular expressions, numbers) empty. */
  readonly text: string;
  readonly line: number;
}

const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const SPACE = /\s+/y;
const LINE_COMMENT = /\/\/[^\n]*|#![^\n]*/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?(?:\*\/|$)/y;
const STRING = /'((?:[^'\\\n]|\\[\s\S])*)'|"((?:[^"\\\n]|\\[\s\S])*)"/y;
const NUMBER = /\d[\w.]*/y;
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;

/** Words after which a slash opens a regular expression; after any other word it divides. */
const BEFORE_REGEXP = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'new',
  'await',
  'yield',
]);

export function tokenize(source: string): readonly Token[] {
  return new Scanner(source).run();
}

class Scanner {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  run(): readonly Token[] {
    this.#code('');
    return this.#tokens;
  }

  /** Reads code up to the closing brace of a template's `${…}`, or to the end of the file. */
  #code(until: '}' | ''): void {
    let depth = 0;
    while (this.#at < this.#source.length) {
      if (this.#skip()) continue;
      const char = this.#source[this.#at] ?? '';
      if (char === '`') {
        this.#template();
        continue;
      }
      if (char === '{') depth += 1;
      if (char === '}') {
        if (depth === 0 && until === '}') {
          this.#at += 1;
          return;
        }
        depth -= 1;
      }
      this.#token(char);
    }
  }

  #skip(): boolean {
    return [SPACE, LINE_COMMENT, BLOCK_COMMENT].some((pattern) => {
      if (pattern === LINE_COMMENT && this.#source.startsWith('#!', this.#at) && this.#at > 0) return false;
      return this.#match(pattern) !== undefined;
    });
  }

  #token(char: string): void {
    const line = this.#line;
    const string = this.#match(STRING);
    if (string !== undefined) return this.#push('string', string[1] ?? string[2] ?? '', line);
    const word = this.#match(WORD);
    if (word !== undefined) return this.#push('word', word[0], line);
    if (this.#match(NUMBER) !== undefined) return this.#push('opaque', '', line);
    if (char === '/' && this.#regexpMayStart() && this.#match(REGEXP) !== undefined) {
      return this.#push('opaque', '', line);
    }
    this.#at += 1;
    this.#push('punctuation', char, line);
  }

  /** The text is opaque; the code in `${…}` is read like any other. */
  #template(): void {
    const line = this.#line;
    this.#at += 1;
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at];
      if (char === '`') {
        this.#at += 1;
        break;
      }
      if (char === '\n') this.#line += 1;
      if (char === '$' && this.#source[this.#at + 1] === '{') {
        this.#at += 2;
        this.#code('}');
        continue;
      }
      this.#at += char === '\\' ? 2 : 1;
    }
    this.#push('opaque', '', line);
  }

  #regexpMayStart(): boolean {
    const last = this.#tokens.at(-1);
    if (last === undefined) return true;
    if (last.kind === 'word') return BEFORE_REGEXP.has(last.text);
    return last.kind === 'punctuation' && last.text !== ')' && last.text !== ']';
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at += found[0].length;
    for (const char of found[0]) if (char === '\n') this.#line += 1;
    return found;
  }

  #push(kind: Token['kind'], text: string, line: number): void {
    this.#tokens.push({ kind, text, line });
  }
}
