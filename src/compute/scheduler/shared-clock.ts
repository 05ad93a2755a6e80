/** Microseconds of the monotonic clock all threads of the process share, modulo 2^32: compare differences, `| 0`. */
export function sharedMicroseconds(): () => number {
  // performance.now() counts from the start of its thread and is cheap; hrtime counts from that of the machine.
  const origin = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;
  const base = origin % 4_294_967_296;
  return () => (base + performance.now() * 1_000) | 0;
}
