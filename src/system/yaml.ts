/** sensorium.yaml as flat leaves with their lines (`a.b`, of lists `a[0].b`); apart, because the parser is loaded only where a file exists. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { err, ok, type Result } from '../base/result.ts';

interface Leaf {
  readonly key: string;
  readonly value: unknown;
  readonly line: number;
}

interface YamlFault {
  readonly line: number;
  readonly message: string;
}

/** Alias bombs and odd tags have no place in a settings file: aliases are not resolved, core schema only. */
export function parseYaml(text: string): Result<readonly Leaf[], YamlFault> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'core',
    strict: true,
    uniqueKeys: true,
  });
  const lineOf = (node: Node | null | undefined): number => lines.linePos(node?.range?.[0] ?? 0).line;
  const [fault] = document.errors;
  if (fault !== undefined) {
    const [head] = fault.message.split('\n');
    return err({ line: fault.linePos?.[0].line ?? 1, message: head ?? fault.message });
  }
  if (document.contents === null) return ok([]);
  const leaves: Leaf[] = [];
  const walk = (node: unknown, prefix: string, line: number): YamlFault | undefined => {
    if (isSeq(node) && prefix !== '') {
      for (const [i, item] of node.items.entries()) {
        const inner = walk(item, `${prefix}[${i}]`, lineOf(item as Node));
        if (inner !== undefined) return inner;
      }
      return undefined;
    }
    if (!isMap(node)) {
      if (!isScalar(node))
        return { line, message: `${prefix === '' ? 'the file' : prefix} must be settings (key: value)` };
      leaves.push({ key: prefix, value: node.value, line });
      return undefined;
    }
    for (const pair of node.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : '?';
      const at = lineOf(pair.key as Node);
      const inner = walk(pair.value, prefix === '' ? name : `${prefix}.${name}`, at);
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
  const wrong = walk(document.contents, '', 1);
  return wrong === undefined ? ok(leaves) : err(wrong);
}
