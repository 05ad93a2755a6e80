/** The files of the tree and how they refer to each other; paths are relative to the root, with forward slashes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { type ModuleEdge, moduleEdges } from './module-edges.ts';

/** Where code of ours lives. */
const TREES = ['src', 'selector', 'dashboard', 'test', 'bench', 'scripts', 'examples'];
const IGNORED = new Set(['node_modules', 'dist', 'results', 'coverage']);
const CODE = /\.(?:[cm]?[jt]s|tsx|jsx)$/;

export interface SourceEdge extends ModuleEdge {
  readonly from: string;
  /** Path of the file meant, whether or not it exists; undefined for packages and for computed imports. */
  readonly to: string | undefined;
}

export interface SourceGraph {
  readonly files: ReadonlySet<string>;
  readonly edges: readonly SourceEdge[];
}

export function readSourceGraph(root: string): SourceGraph {
  const files = new Set(TREES.flatMap((tree) => codeFiles(root, tree)));
  const edges = [...files].flatMap((from) =>
    moduleEdges(readFileSync(`${root}/${from}`, 'utf8')).map((edge) => ({
      ...edge,
      from,
      to: resolve(from, edge),
    })),
  );
  return { files, edges };
}

function codeFiles(root: string, tree: string): readonly string[] {
  if (!existsSync(`${root}/${tree}`)) return [];
  return readdirSync(`${root}/${tree}`, { recursive: true, encoding: 'utf8' })
    .map((name) => `${tree}/${name.replaceAll(sep, '/')}`)
    .filter((path) => CODE.test(path) && !path.split('/').some((part) => IGNORED.has(part)))
    .toSorted();
}

function resolve(from: string, edge: ModuleEdge): string | undefined {
  if (!edge.specifier.startsWith('.')) return undefined;
  const path = posix.join(posix.dirname(from), edge.specifier.replace(/\?.*$/, ''));
  return edge.kind === 'dynamic' || CODE.test(path) ? path : undefined;
}
