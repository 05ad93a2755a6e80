/** Hands over to the real program and stays as its parent: signals go down, the exit code comes up. */
import { spawn } from 'node:child_process';

/** A terminal and npm both deliver the same Ctrl-C; the program must see one, since its second means "at once". */
const SAME_SIGNAL_MS = 250;
/** Reading the parent's id is one system call. */
const NPM_WATCH_MS = 250;
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/** Semi-spaces of 4 MiB: a start grows them to 16, which stay resident and make nothing faster here. */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];

/**
 * A server: its own process group, so that the terminal's signals arrive once, through us; and an IPC channel whose
 * end tells it that we are gone, however we went (SENSORIUM_PARENT=ipc).
 */
export function runSupervised({ runtime, args, env }) {
  const windows = process.platform === 'win32';
  const child = spawn(runtime.binary, [...FLAGS, ...args], {
    env: { ...env, SENSORIUM_PARENT: 'ipc' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: !windows,
  });
  // Windows cannot deliver a signal, only kill; the end of the channel is the polite way there.
  // The terminal is gone (SIGHUP): that is a request to stop, not to die.
  const stop = (signal) =>
    windows ? child.disconnect() : child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  return finished(child, stop);
}

/**
 * npm passes a signal to the shell it started us with, and a shell dies of it without a word to us. (The `start`
 * script says `exec` so that there is no shell between; this is for the other scripts, and for kill -9 of npm.)
 */
export function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, NPM_WATCH_MS);
  timer.unref();
}

/** A command: shares terminal and process group, so Ctrl-C has reached it already. */
export function runInherited({ runtime, args, env }) {
  const child = spawn(runtime.binary, [...FLAGS, ...args], { env, stdio: 'inherit' });
  return finished(child, (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}

/** Calls `stop` for each signal we get, the same one within a moment once. Answers the function that ends this. */
export function onStop(stop) {
  const last = new Map();
  const handler = (signal) => {
    const now = performance.now();
    if (now - (last.get(signal) ?? -Infinity) < SAME_SIGNAL_MS) return;
    last.set(signal, now);
    stop(signal);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
  return () => {
    for (const signal of SIGNALS) process.off(signal, handler);
  };
}

function finished(child, stop) {
  const release = onStop(stop);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      release();
      if (signal === null) resolve(code);
      else process.kill(process.pid, signal); // die as it died, so that the shell sees the same
    });
  });
}
