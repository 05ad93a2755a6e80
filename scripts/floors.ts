/** The tree is the architecture: fails on an import the floors forbid, on a circle, and on workers that reach too far. */
import { fileURLToPath } from 'node:url';
import { checkCycles } from './floors/cycles.ts';
import { checkEdges, checkWorkers, type Violation } from './floors/rules.ts';
import { readSourceGraph } from './floors/source-graph.ts';

function check(root: string): readonly Violation[] {
  const graph = readSourceGraph(root);
  const violations = [...checkEdges(graph), ...checkWorkers(graph), ...checkCycles(graph)];
  console.log(`floors: ${graph.files.size} files, ${graph.edges.length} imports, ${violations.length} wrong`);
  return violations;
}

const violations = check(fileURLToPath(new URL('..', import.meta.url)));
for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`);
process.exitCode = violations.length === 0 ? 0 : 1;
