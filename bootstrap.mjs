#!/usr/bin/env node
/**
 * The door for a bare machine: plain JavaScript for any Node >= 18, without dependencies. It brings Node 24 where
 * the machine's own is older, installs what package-lock.json pins, and hands over to a TypeScript file that
 * Node 24 runs itself. Standard output belongs to that file alone (the `ready` line); progress goes to stderr.
 *
 *   node bootstrap.mjs start|cli|test|bench|run …
 */
const major = Number(process.versions.node.split('.')[0]);

if (major < 18) {
  process.stderr.write(
    `sensorium: Node.js ${process.versions.node} is too old to begin with.\n` +
      '  Install Node.js 18 or newer; version 24 is fetched from there if needed.\n',
  );
  process.exitCode = 1;
} else {
  const { main } = await import('./bootstrap/main.mjs');
  process.exitCode = await main(process.argv.slice(2));
}
