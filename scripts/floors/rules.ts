/** Who may import whom, as docs/architecture.md draws it. Each rule answers what is wrong, or nothing. */
import type { SourceEdge, SourceGraph } from './source-graph.ts';

/** Rooms by floor: imports go down only. The engine's floor lies between two of the design. */
const FLOORS: readonly { readonly floor: number; readonly rooms: readonly string[] }[] = [
  { floor: 0, rooms: ['base'] },
  { floor: 1, rooms: ['model'] },
  { floor: 1.5, rooms: ['engine'] },
  { floor: 2, rooms: ['compute', 'log', 'state'] },
  {
    floor: 3,
    rooms: ['devices', 'data', 'communication', 'security', 'events', 'mesh', 'deploy', 'monitor'],
  },
  { floor: 4, rooms: ['system'] },
  { floor: 5, rooms: ['api', 'cli'] },
  // Both compose: the platform, and parts of it for programs of others.
  { floor: 6, rooms: ['main.ts', 'embed'] },
];

/** Doors see the words and the System facade, and nothing behind it. */
const DOORS = new Set(['api', 'cli']);
const SEEN_BY_DOORS = new Set(['base', 'model', 'system']);
/** The API hangs in the frame of the HTTP server: its door type, access rules and problem documents. */
const DOOR_FRAME = { door: 'api', frame: 'src/communication/http/' };
/** Workspaces that stand alone: of the platform they may know its words. */
const WORKSPACES = new Set(['selector', 'dashboard']);
/** What any worker may load beside its own room; not the state, which has one writer on the main thread. */
const SEEN_BY_WORKERS = new Set(['base', 'model', 'engine', 'compute', 'log']);

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

type EdgeRule = (edge: {
  readonly from: string;
  readonly to: string;
  readonly source: Room;
  readonly target: Room;
}) => string | undefined;
interface Room {
  /** `src`, or another tree of the root. */
  readonly tree: string;
  /** Name below `src/`; the tree's own name elsewhere. */
  readonly name: string;
  readonly floor: number;
}

function roomOf(path: string): Room {
  const [tree = '', second = ''] = path.split('/');
  const name = tree === 'src' ? second : tree;
  return { tree, name, floor: FLOORS.find(({ rooms }) => rooms.includes(name))?.floor ?? -1 };
}

const label = ({ name }: Room): string => (name.endsWith('.ts') ? name : `${name}/`);

/**
 * Tests, shared case suites, fixtures, and the helper processes of tests: all that has a second part in its name
 * (`crash.test.ts`, `crash.child.ts`; production files are one noun), the folders and files named test-something, and
 * the folders of conformance tests.
 */
const isTestCode = (path: string): boolean =>
  /\/[^/.]+\.(?!d\.)[^/.]+\.tsx?$|(?:^|\/)test(?:ing|-[a-z]+)(?:\.ts|\/)|\/conformance\//.test(path);

const knownRoom: EdgeRule = ({ target }) =>
  target.tree === 'src' && target.floor < 0
    ? `src/${target.name} has no floor; give it one in scripts/floors/rules.ts`
    : undefined;

const workspacesStandAlone: EdgeRule = ({ source, target }) => {
  if (WORKSPACES.has(source.tree) && source.tree !== target.tree && target.name !== 'model') {
    return `${source.tree}/ stands alone; of the platform it may know model/ only`;
  }
  return WORKSPACES.has(target.tree) && source.tree === 'src'
    ? `src/ does not know ${target.tree}/`
    : undefined;
};

const platformIsWhole: EdgeRule = ({ from, to, source, target }) =>
  source.tree === 'src' &&
  target.tree !== 'src' &&
  !WORKSPACES.has(target.tree) &&
  !(isTestCode(from) && to.startsWith('test/support/'))
    ? `src/ does not import from ${target.tree}/`
    : undefined;

const testsStayOut: EdgeRule = ({ from, to, source }) =>
  (source.tree === 'src' || WORKSPACES.has(source.tree)) && isTestCode(to) && !isTestCode(from)
    ? 'production code does not import test code'
    : undefined;

const downOnly: EdgeRule = ({ from, source, target }) => {
  if (source.tree !== 'src' || target.tree !== 'src' || source.name === target.name || source.floor < 0)
    return undefined;
  if (target.floor < source.floor) return undefined;
  // A test may set its room beside a neighbour of the same floor, to try them together.
  if (target.floor === source.floor && isTestCode(from)) return undefined;
  return target.floor === source.floor
    ? `${source.name}/ and ${target.name}/ stand on one floor; they meet through ports in model/ and events`
    : `${source.name}/ (floor ${source.floor}) imports up, from ${label(target)} (floor ${target.floor})`;
};

const doorsSeeTheFacade: EdgeRule = ({ from, to, source, target }) =>
  source.tree === 'src' &&
  DOORS.has(source.name) &&
  !isTestCode(from) &&
  target.tree === 'src' &&
  target.floor < source.floor &&
  !SEEN_BY_DOORS.has(target.name) &&
  !(source.name === DOOR_FRAME.door && to.startsWith(DOOR_FRAME.frame))
    ? `${source.name}/ is a door: it sees model/ and the System facade, not ${target.name}/`
    : undefined;

const EDGE_RULES: readonly EdgeRule[] = [
  knownRoom,
  workspacesStandAlone,
  platformIsWhole,
  testsStayOut,
  downOnly,
  doorsSeeTheFacade,
];

export function checkEdges(graph: SourceGraph): readonly Violation[] {
  return graph.edges.flatMap((edge) => {
    const { from, to } = edge;
    const messages =
      to === undefined
        ? [unreadable(edge)]
        : EDGE_RULES.map((rule) => rule({ from, to, source: roomOf(from), target: roomOf(to) }));
    return messages
      .filter((message) => message !== undefined)
      .map((message) => ({ file: edge.from, line: edge.line, message }));
  });
}

const unreadable = (edge: SourceEdge): string | undefined =>
  edge.kind === 'computed' && roomOf(edge.from).tree === 'src' && !isTestCode(edge.from)
    ? 'the target of this import is computed, so its floor cannot be checked'
    : undefined;

/**
 * A worker runs stages, never a manager: from its entry file it may reach base, model, compute, log, and of its own
 * room what neither is a manager nor starts workers itself. Types are erased and do not count.
 */
export function checkWorkers(graph: SourceGraph): readonly Violation[] {
  const starts = graph.edges.filter(
    (edge) => edge.kind === 'worker' && edge.from.startsWith('src/') && !isTestCode(edge.from),
  );
  const starters = new Set(starts.map((edge) => edge.from));
  const entries = new Set(
    starts.flatMap((edge) => (edge.to !== undefined && graph.files.has(edge.to) ? [edge.to] : [])),
  );
  return [...entries].flatMap((entry) =>
    reach(graph, entry).flatMap(({ path, trail }) => {
      const room = roomOf(path);
      const own = room.name === roomOf(entry).name;
      const allowed = own
        ? !starters.has(path) && !path.endsWith('-manager.ts')
        : SEEN_BY_WORKERS.has(room.name);
      return allowed
        ? []
        : [{ file: entry, line: 1, message: `a worker must not reach ${path} (by ${trail.join(' → ')})` }];
    }),
  );
}

function reach(graph: SourceGraph, entry: string): readonly { path: string; trail: readonly string[] }[] {
  const loaded = Map.groupBy(
    graph.edges.filter((edge) => edge.kind === 'static' || edge.kind === 'dynamic'),
    (edge) => edge.from,
  );
  const trails = new Map<string, readonly string[]>([[entry, [entry]]]);
  for (const [path, trail] of trails) {
    for (const { to } of loaded.get(path) ?? []) {
      if (to !== undefined && graph.files.has(to) && !trails.has(to)) trails.set(to, [...trail, to]);
    }
  }
  trails.delete(entry);
  return [...trails].map(([path, trail]) => ({ path, trail }));
}
