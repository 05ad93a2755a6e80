/** Jobs for the tests of the scheduler: each does one thing that real ones might. */
import { Buffer } from 'node:buffer';
import { problem } from '../../model/errors.ts';
import { serveTasks } from './serve-tasks.ts';
import type { Job, TaskContext } from './task.ts';

const heard: unknown[] = [];

/** Argument 0: where in the slab the i32 counters are; each task adds to its own and to the common one. */
const count: Job = (task) => {
  const words = new Int32Array(task.slab.buffer, task.offset, task.length / 4);
  Atomics.add(words, task.argument(0), 1);
  task.result(0, task.argument(0) * 2);
};

function spin(ms: number, task: TaskContext): void {
  const end = performance.now() + ms;
  while (performance.now() < end && !task.cancelled);
}

serveTasks({
  hear: (message) => heard.push(message),
  jobs: {
    count,
    /** Adds its two words. */
    add: (task) => task.result(0, task.argument(0) + task.argument(1)),
    /** Busy for argument 0 microseconds; notes its start (word 1 of the payload) so that a test can wait for it. */
    spin: (task) => {
      spin(task.argument(0) / 1_000, task);
      task.result(0, task.cancelled ? 1 : 0);
    },
    /** Says in the payload that it runs, then runs until it is cancelled; the other word says that it saw it. */
    untilCancelled: (task) => {
      const words = new Int32Array(task.slab.buffer, task.offset, 2);
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
      while (!task.cancelled);
      Atomics.store(words, 1, 1);
      Atomics.notify(words, 1);
    },
    hang: (task) => {
      for (;;) if (task.argument(0) === -1) return;
    },
    fail: (task) => {
      if (task.argument(0) === 1) throw problem('payload.empty', 'nothing in it');
      if (task.argument(0) === 2) throw new TypeError('not a number');
      if (task.argument(0) === 3) throw 'a string';
    },
    /** Ends its thread on the attempts below argument 0; counts its runs in the payload. */
    crash: (task) => {
      if (task.length > 0) Atomics.add(new Int32Array(task.slab.buffer, task.offset, 1), 0, 1);
      if (task.attempt < task.argument(0)) process.exit(7);
      task.result(0, task.attempt);
    },
    outOfMemory: () => {
      const held: unknown[] = [];
      for (;;) held.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
    },
    /** Appends argument 0 to the list in the payload: length, then items. Not atomic: a strand must keep it whole. */
    append: (task) => {
      const words = new Int32Array(task.slab.buffer, task.offset, task.length / 4);
      const length = words[0] ?? 0;
      spin(task.argument(1) / 1_000, task);
      words[length + 1] = task.argument(0);
      words[0] = length + 1;
    },
    /** Splits [argument 0, argument 1) until it is one number, whose counter is raised. */
    split: (task) => {
      const [from, to] = [task.argument(0), task.argument(1)];
      if (to - from === 1) {
        Atomics.add(new Int32Array(task.slab.buffer, task.offset, task.length / 4), from, 1);
        return;
      }
      const payload = { slab: 0, offset: task.offset, length: task.length };
      const middle = (from + to) >> 1;
      for (const words of [
        [from, middle],
        [middle, to],
      ]) {
        if (!task.spawn({ words, payload })) task.result(0, 1);
      }
      if (task.argument(2) === 1) throw new Error('after spawning');
    },
    /** How much was heard, and the last number heard. */
    heard: (task) => {
      task.result(0, heard.length);
      task.result(1, Number(heard.at(-1) ?? -1));
    },
    text: (task) => {
      task.result(0, Buffer.from(task.bytes()).toString('utf8').length);
    },
  },
});
