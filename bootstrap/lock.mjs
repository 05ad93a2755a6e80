/** A lock between processes: a folder, since making one is atomic on every file system. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BootstrapError } from './report.mjs';

const POLL_MS = 200;
/** The holder touches the folder this often … */
const HEARTBEAT_MS = 5_000;
/** … so after this long without, it is gone, whatever its process id says (other hosts, other containers). */
const STALE_MS = 60_000;
/** A slow line needs minutes for 200 MB; nobody needs this long. */
const WAIT_MAX_MS = 30 * 60_000;

/** Runs `work` while no other bootstrap of this folder does. */
export async function withLock(parent, name, work) {
  mkdirSync(parent, { recursive: true });
  const folder = join(parent, `${name}.lock`);
  const token = `${hostname()} ${process.pid} ${Date.now()}`;
  await acquire(folder, token);
  const heartbeat = setInterval(() => touch(folder), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (ownerOf(folder) === token) rmSync(folder, { recursive: true, force: true });
  }
}

async function acquire(folder, token) {
  const deadline = performance.now() + WAIT_MAX_MS;
  for (let told = false; ; told = true) {
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'owner'), token);
      return;
    } catch (cause) {
      if (cause.code !== 'EEXIST') throw unwritable(folder, cause);
    }
    const owner = ownerOf(folder);
    if (isStale(folder, owner)) {
      evict(folder, owner, token);
      continue;
    }
    if (performance.now() > deadline) {
      throw new BootstrapError(`another start (${owner}) has been installing for half an hour.`, {
        cure: `End it, or remove ${folder}, then run the command again.`,
      });
    }
    if (!told)
      process.stderr.write(`waiting for another start (${owner || 'just begun'}) to finish installing …\n`);
    await sleep(POLL_MS);
  }
}

function isStale(folder, owner) {
  let ageMs;
  try {
    ageMs = Date.now() - statSync(folder).mtimeMs;
  } catch {
    return false; // released this moment
  }
  if (ageMs > STALE_MS) return true;
  const [host, pid] = owner.split(' ');
  if (pid === undefined || host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (cause) {
    return cause.code === 'ESRCH';
  }
}

/** Renaming is atomic: of several waiters one gets the stale folder, and puts back one that is not. */
function evict(folder, owner, token) {
  const aside = `${folder}.${token.replaceAll(/\W/g, '-')}`;
  try {
    renameSync(folder, aside);
  } catch {
    return;
  }
  if (ownerOf(aside) === owner) rmSync(aside, { recursive: true, force: true });
  else renameSync(aside, folder);
}

function ownerOf(folder) {
  try {
    return readFileSync(join(folder, 'owner'), 'utf8');
  } catch {
    return '';
  }
}

function touch(folder) {
  try {
    utimesSync(folder, new Date(), new Date());
  } catch {
    // Evicted after a long suspension: the release notices by the token.
  }
}

function unwritable(folder, cause) {
  return new BootstrapError(`the project folder cannot be written (${cause.code} at ${folder}).`, {
    cure: 'Fix its owner and rights, or copy the project to a folder of yours.',
  });
}
