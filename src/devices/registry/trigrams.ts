/** Parts of three characters, by which text is found without looking at all of it. */
const TRIGRAM_CHARS = 3;
/** Ten bits of each character: three of them are a small integer. What falls together costs a look, no wrong answer. */
const CHAR_BITS = 10;
const CHAR_MASK = (1 << CHAR_BITS) - 1;
const TRIGRAM_MASK = 2 ** (TRIGRAM_CHARS * CHAR_BITS) - 1;

/** What texts are compared as. */
export const folded = (text: string): string => text.toLowerCase();

/** Between two texts that are searched as one: in no text of anybody. */
export const TEXT_BREAK = '\0';
const BREAK = 0;

/** The trigrams of a folded text, each once, none across a break; none of a text that is shorter. */
export function trigramsOf(text: string): Set<number> {
  const found = new Set<number>();
  let trigram = 0;
  let since = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    trigram = ((trigram << CHAR_BITS) | (char & CHAR_MASK)) & TRIGRAM_MASK;
    since = char === BREAK ? 0 : since + 1;
    if (since >= TRIGRAM_CHARS) found.add(trigram);
  }
  return found;
}
