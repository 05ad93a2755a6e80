import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkCycles } from './cycles.ts';
import { moduleEdges } from './module-edges.ts';
import { checkEdges, checkWorkers } from './rules.ts';
import { readSourceGraph, type SourceGraph } from './source-graph.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function tree(files: Readonly<Record<string, string>>): SourceGraph {
  const root = mkdtempSync(join(tmpdir(), 'floors-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readSourceGraph(root);
}

const edgeMessages = (files: Readonly<Record<string, string>>): readonly string[] =>
  checkEdges(tree(files)).map(({ file, line, message }) => `${file}:${line} ${message}`);

describe('reading the imports of a file', () => {
  const specifiers = (source: string): readonly string[] =>
    moduleEdges(source).map(({ kind, specifier, line }) => `${line} ${kind} ${specifier}`);

  it('finds every form', () => {
    const source = [
      `import './side-effect.ts';`,
      `import plain, { a as b, type C } from './named.ts';`,
      `import * as all from "./all.ts";`,
      `import type { T } from './types.ts';`,
      `export * from './re-export.ts';`,
      `export { default as x } from './re-export-named.ts';`,
      `export type { U } from './re-export-type.ts';`,
      `const lazy = await import('./lazy.ts');`,
      `type Inline = import('./inline.ts').Inline;`,
      `new Worker(new URL('./worker.ts', import.meta.url));`,
      'const text = `${await import("./inside-template.ts")}`;',
      `const json = await import('./data.json', { with: { type: 'json' } });`,
    ].join('\n');
    expect(specifiers(source)).toEqual([
      '1 static ./side-effect.ts',
      '2 static ./named.ts',
      '3 static ./all.ts',
      '4 type ./types.ts',
      '5 static ./re-export.ts',
      '6 static ./re-export-named.ts',
      '7 type ./re-export-type.ts',
      '8 dynamic ./lazy.ts',
      '9 dynamic ./inline.ts',
      '10 worker ./worker.ts',
      '11 dynamic ./inside-template.ts',
      '12 dynamic ./data.json',
    ]);
  });

  it('is not taken in by comments, strings, templates, regular expressions and local exports', () => {
    const source = [
      `// import './comment.ts'`,
      `/* export * from './block.ts' */`,
      `const s = "import './string.ts'";`,
      'const t = `import "./template.ts"`;',
      `const r = /'/; const q = a / b; const u = '/';`,
      `export { s, t };`,
      `export const from = './not-from.ts';`,
      `import.meta.resolve('./resolve.ts');`,
      `object.import('./method.ts');`,
      `new URL('../package.json', import.meta.url);`,
      `import real from './real.ts';`,
    ].join('\n');
    expect(specifiers(source)).toEqual(['11 static ./real.ts']);
  });

  it('finds every worker file that a condition chooses between', () => {
    const source = `new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)`;
    expect(specifiers(source)).toEqual(['1 worker ./worker.ts', '1 worker ./worker.js']);
  });

  it('reports a computed import instead of overlooking it', () => {
    expect(specifiers('import(path); import(`./x.ts`); import("./a" + b);')).toEqual([
      '1 computed ',
      '1 computed ',
      '1 computed ',
    ]);
  });
});

describe('floors', () => {
  it('lets imports go down', () => {
    expect(
      edgeMessages({
        'src/base/clock.ts': '',
        'src/model/ids.ts': `import '../base/clock.ts';`,
        'src/log/log.ts': `import '../model/ids.ts'; import '../base/clock.ts';`,
        'src/data/store/store.ts': `import '../../log/log.ts'; import './rows.ts'; import 'lmdb';`,
        'src/data/store/rows.ts': '',
        'src/system/system.ts': `import '../data/store/store.ts';`,
        'src/cli/cli.ts': `import '../system/system.ts'; import '../model/ids.ts';`,
        'src/api/api.ts': `import type { HttpDoor } from '../communication/http/door.ts';`,
        'src/communication/http/door.ts': '',
        'src/main.ts': `import './cli/cli.ts'; import './data/store/store.ts';`,
      }),
    ).toEqual([]);
  });

  it.each([
    ['up', 'src/base/a.ts', '../model/ids.ts', 'base/ (floor 0) imports up, from model/ (floor 1)'],
    ['up, by type', 'src/model/a.ts', '../data/x.ts', 'model/ (floor 1) imports up, from data/ (floor 3)'],
    ['up, from main', 'src/data/a.ts', '../main.ts', 'data/ (floor 3) imports up, from main.ts (floor 6)'],
    ['room to room', 'src/data/a.ts', '../security/x.ts', 'stand on one floor'],
    ['state and log', 'src/log/a.ts', '../state/x.ts', 'stand on one floor'],
    ['a door behind the facade', 'src/api/a.ts', '../data/x.ts', 'api/ is a door'],
    ['a door past its frame', 'src/api/a.ts', '../communication/mqtt/x.ts', 'api/ is a door'],
    ['the other door in that frame', 'src/cli/a.ts', '../communication/http/x.ts', 'cli/ is a door'],
    ['a door to the log', 'src/cli/a.ts', '../log/x.ts', 'cli/ is a door'],
    ['a room without a floor', 'src/main.ts', './shed/x.ts', 'src/shed has no floor'],
    ['out of the platform', 'src/system/a.ts', '../../scripts/x.ts', 'src/ does not import from scripts/'],
    [
      'production to test support',
      'src/system/a.ts',
      '../../test/support/x.ts',
      'src/ does not import from test/',
    ],
    ['into a workspace', 'src/cli/a.ts', '../../selector/x.ts', 'src/ does not know selector/'],
    ['selector into a room', 'selector/a.ts', '../src/data/x.ts', 'selector/ stands alone'],
    ['selector into another tree', 'selector/a.ts', '../bench/x.ts', 'selector/ stands alone'],
    ['dashboard into the base', 'dashboard/src/a.tsx', '../../src/base/x.ts', 'dashboard/ stands alone'],
    ['production to a test', 'src/data/a.ts', './a.test.ts', 'does not import test code'],
    ['production to the helper of a test', 'src/log/a.ts', './crash.child.ts', 'does not import test code'],
    ['production to test fixtures', 'src/data/a.ts', '../log/testing.ts', 'does not import test code'],
  ])('refuses an import: %s', (_name, from, to, message) => {
    const found = edgeMessages({ [from]: `\nimport type { X } from '${to}';` });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${from}:2 `);
    expect(found[0]).toContain(message);
  });

  it.each([
    ['dynamic import', `const x = await import('../security/x.ts');`],
    ['re-export', `export { x } from '../security/x.ts';`],
    ['import type', `let x: import('../security/x.ts').X;`],
    ['worker', `new Worker(new URL('../security/x.ts', import.meta.url));`],
  ])('refuses room to room by %s', (_form, source) => {
    expect(edgeMessages({ 'src/data/a.ts': source })).toHaveLength(1);
  });

  it('lets selector and dashboard see the words of the model', () => {
    expect(
      edgeMessages({
        'src/model/bench.ts': '',
        'selector/a.ts': `import type { Result } from '../src/model/bench.ts'; import './b.ts';`,
        'dashboard/src/a.tsx': `import type { Result } from '../../src/model/bench.ts';`,
      }),
    ).toEqual([]);
  });

  it('lets a test use a neighbour and fixtures, but not look up', () => {
    const found = edgeMessages({
      'src/data/a.test.ts': `import '../security/x.ts'; import '../log/testing.ts'; import '../../test/support/x.ts'; import '../system/x.ts';`,
    });
    expect(found).toEqual(['src/data/a.test.ts:1 data/ (floor 3) imports up, from system/ (floor 4)']);
  });

  it('does not let an import hide its target', () => {
    expect(
      edgeMessages({ 'src/data/a.ts': 'await import(name);', 'src/data/a.test.ts': 'await import(name);' }),
    ).toEqual(['src/data/a.ts:1 the target of this import is computed, so its floor cannot be checked']);
  });
});

describe('workers', () => {
  const files = {
    'src/base/x.ts': '',
    'src/log/reader.ts': `import '../base/x.ts';`,
    'src/state/state.ts': '',
    'src/data/pipeline/stage.ts': `import type { M } from '../data-manager.ts';`,
    'src/data/data-manager.ts': `import './host.ts';`,
    'src/data/host.ts': `new Worker(new URL('./worker.ts', import.meta.url));`,
  };
  const messages = (worker: string, more: Readonly<Record<string, string>> = {}): readonly string[] =>
    checkWorkers(tree({ ...files, ...more, 'src/data/worker.ts': worker })).map(({ message }) => message);

  it('may reach the stages of their room, the log and below', () => {
    expect(
      messages(
        `import './pipeline/stage.ts'; import '../log/reader.ts'; import type { S } from '../state/state.ts';`,
      ),
    ).toEqual([]);
  });

  it('must not reach the state, a manager or what starts workers, over any number of steps', () => {
    expect(messages(`import './deep.ts';`, { 'src/data/deep.ts': `import '../state/state.ts';` })).toEqual([
      'a worker must not reach src/state/state.ts (by src/data/worker.ts → src/data/deep.ts → src/state/state.ts)',
    ]);
    expect(messages(`const m = await import('./data-manager.ts');`)).toHaveLength(2);
  });
});

describe('circles', () => {
  const circles = (files: Readonly<Record<string, string>>): readonly string[] =>
    checkCycles(tree(files)).map(({ message }) => message);

  it('are found once each, by types too', () => {
    expect(
      circles({
        'src/data/a.ts': `import './b.ts';`,
        'src/data/b.ts': `import type { C } from './c.ts';`,
        'src/data/c.ts': `export * from './a.ts';`,
        'src/data/d.ts': `import './a.ts';`,
        'src/log/self.ts': `import './self.ts';`,
      }),
    ).toEqual([
      'import circle: src/data/a.ts → src/data/b.ts → src/data/c.ts → src/data/a.ts',
      'import circle: src/log/self.ts → src/log/self.ts',
    ]);
  });

  it('are not made by sharing types with a worker one starts', () => {
    expect(
      circles({
        'src/data/host.ts': `new Worker(new URL('./worker.ts', import.meta.url));`,
        'src/data/worker.ts': `import type { Task } from './host.ts';`,
      }),
    ).toEqual([]);
  });
});
