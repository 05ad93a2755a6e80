/** Our worker threads in the scheduler's scenarios. */
import { serveTasks } from '../../src/compute/scheduler/serve-tasks.ts';
import { spin } from './spin.ts';

serveTasks({ jobs: { spin: (task) => task.result(0, spin(task.argument(0))) } });
