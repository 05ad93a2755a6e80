/** What processes cost, from /proc (Linux). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { UnavailableError } from './scenario.ts';

/** The kernel's unit of process time. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  readonly rssMiB: number;
  /** Of it what no file backs: the process's own, which the kernel cannot take back. */
  readonly anonymousMiB: number;
  readonly peakRssMiB: number;
  readonly cpuS: number;
  readonly mainThreadCpuS: number;
}

export function usageOf(pid: number): Usage {
  if (!existsSync('/proc/self/stat')) throw new UnavailableError('needs /proc');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kiB = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN);
  return {
    rssMiB: kiB('VmRSS') / 1024,
    anonymousMiB: kiB('RssAnon') / 1024,
    peakRssMiB: kiB('VmHWM') / 1024,
    cpuS: cpuSecondsOf(`/proc/${pid}`),
    mainThreadCpuS: cpuSecondsOf(`/proc/${pid}/task/${pid}`),
  };
}

function cpuSecondsOf(folder: string): number {
  const [user = 0, system = 0] = statFields(folder).slice(11, 13).map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

/** A process and all it started, the root first. */
export function processTree(root: number): readonly { readonly pid: number; readonly command: string }[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const children = Map.groupBy(pids.filter(isAlive), (pid) => Number(statFields(`/proc/${pid}`)[1]));
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree.map((pid) => ({
    pid,
    command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
  }));
}

/** Fields of a process's or thread's stat after the command, which may hold anything in its brackets. */
function statFields(folder: string): readonly string[] {
  const stat = readFileSync(`${folder}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/stat`);
