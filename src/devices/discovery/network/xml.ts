/**
 * As much XML as a device description needs: elements and their text. No document types, no entities but the five of
 * XML itself and character references, so nothing expands; depth and number of elements are bounded. Refuses rather than
 * guesses.
 */
import { DESCRIPTION_MAX_DEPTH, DESCRIPTION_MAX_ELEMENTS } from '../../../base/limits.ts';
import { err, ok, type Result } from '../../../base/result.ts';

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** Its own text, trimmed. */
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

const TOKEN = /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[[\s\S]*?\]\]>|<!|<\/?[^<>]*>|[^<]+/y;
const NAME = /^<\/?\s*(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)/;

/** The root element, or what is wrong in words. */
export function parseXml(text: string): Result<XmlElement, string> {
  const root: OpenElement = { name: '', children: [], text: '' };
  const open: OpenElement[] = [root];
  let elements = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text)?.[0];
    const parent = open.at(-1);
    if (token === undefined || parent === undefined) return err('it is not well-formed XML');
    if (token.startsWith('<!--') || token.startsWith('<?')) continue;
    if (token.startsWith('<![CDATA[')) parent.text += token.slice(9, -3);
    else if (token === '<!') return err('it has a document type or entity declaration');
    else if (token.startsWith('</')) {
      if (open.length === 1 || nameOf(token) !== parent.name) return err('its tags do not match');
      open.pop();
    } else if (token.startsWith('<')) {
      const name = nameOf(token);
      if (name === undefined) return err('it is not well-formed XML');
      elements += 1;
      if (elements > DESCRIPTION_MAX_ELEMENTS) return err(`it has over ${DESCRIPTION_MAX_ELEMENTS} elements`);
      const element: OpenElement = { name, children: [], text: '' };
      parent.children.push(element);
      if (!token.endsWith('/>')) open.push(element);
      if (open.length > DESCRIPTION_MAX_DEPTH + 1)
        return err(`it is over ${DESCRIPTION_MAX_DEPTH} levels deep`);
    } else {
      const decoded = decodeText(token);
      if (decoded === undefined) return err('it uses an entity');
      parent.text += decoded;
    }
  }
  const [element] = root.children;
  if (open.length > 1) return err('it ends too early');
  if (element === undefined || root.children.length > 1) return err('it has not one root element');
  return ok(element);
}

export const childNamed = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((child) => child.name === name);

/** Text of a child; undefined where it is absent or empty. */
export const childText = (element: XmlElement | undefined, name: string): string | undefined =>
  childNamed(element, name)?.text.trim() || undefined;

const nameOf = (token: string): string | undefined => NAME.exec(token)?.[1];

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeText(text: string): string | undefined {
  let isUnknown = false;
  const decoded = text.replaceAll(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[A-Za-z]\w*);?/gi, (whole, name: string) => {
    // "AT&T": wrong XML that devices do send, and harmless.
    if (!whole.endsWith(';')) return whole;
    const known = name.startsWith('#') ? characterOf(name) : ENTITIES[name];
    if (known === undefined) isUnknown = true;
    return known ?? '';
  });
  return isUnknown ? undefined : decoded;
}

function characterOf(reference: string): string | undefined {
  const isHex = /^#x/i.test(reference);
  const point = Number.parseInt(reference.slice(isHex ? 2 : 1), isHex ? 16 : 10);
  const isCharacter = point > 0 && point <= 0x10_ff_ff && !(point >= 0xd8_00 && point <= 0xdf_ff);
  return isCharacter ? String.fromCodePoint(point) : undefined;
}
