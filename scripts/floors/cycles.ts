/** Circles of files that import each other, by types too: such files can only be read and moved together. */

import type { Violation } from './rules.ts';
import type { SourceGraph } from './source-graph.ts';

/** One violation per circle, with the shortest way round it. A file and the worker it starts may share types. */
export function checkCycles(graph: SourceGraph): readonly Violation[] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to, kind } of graph.edges) {
    if (to === undefined || kind === 'worker' || !graph.files.has(to)) continue;
    targets.set(from, (targets.get(from) ?? new Set()).add(to));
  }
  const seen = new Set<string>();
  return [...graph.files].flatMap((file) => {
    if (seen.has(file)) return [];
    const circle = shortestWayBack(targets, file);
    if (circle === undefined) return [];
    for (const member of circle) seen.add(member);
    return [{ file, line: 1, message: `import circle: ${[...circle, file].join(' → ')}` }];
  });
}

function shortestWayBack(
  targets: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
): readonly string[] | undefined {
  const ways = new Map<string, readonly string[]>([[start, [start]]]);
  for (const [file, way] of ways) {
    for (const target of targets.get(file) ?? []) {
      if (target === start) return way;
      if (!ways.has(target)) ways.set(target, [...way, target]);
    }
  }
  return undefined;
}
