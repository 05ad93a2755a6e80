/** Entry of a judging thread. */
import { serveTasks } from '../../compute/scheduler/serve-tasks.ts';
import { judgingJob } from './judging-job.ts';

serveTasks({ jobs: { judge: judgingJob } });
