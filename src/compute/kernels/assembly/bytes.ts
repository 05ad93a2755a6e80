/** Bytes: the reference transform, and the engine's own memory operations, which are fast on shared memory too. */

/** Eight vectors a turn: all loads before the stores, so that the processor need not prove that they differ. */
const TURN: usize = 128;

export function addOne(target: usize, source: usize, length: usize): void {
  const ones = i8x16.splat(1);
  const end = source + length;
  const turns = source + (length / TURN) * TURN;
  while (source < turns) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const c = v128.load(source, 32);
    const d = v128.load(source, 48);
    const e = v128.load(source, 64);
    const f = v128.load(source, 80);
    const g = v128.load(source, 96);
    const h = v128.load(source, 112);
    v128.store(target, i8x16.add(a, ones));
    v128.store(target, i8x16.add(b, ones), 16);
    v128.store(target, i8x16.add(c, ones), 32);
    v128.store(target, i8x16.add(d, ones), 48);
    v128.store(target, i8x16.add(e, ones), 64);
    v128.store(target, i8x16.add(f, ones), 80);
    v128.store(target, i8x16.add(g, ones), 96);
    v128.store(target, i8x16.add(h, ones), 112);
    source += TURN;
    target += TURN;
  }
  for (; source + 16 <= end; source += 16, target += 16) {
    v128.store(target, i8x16.add(v128.load(source), ones));
  }
  for (; source < end; source += 1, target += 1) store<u8>(target, load<u8>(source) + 1);
}

export function copy(target: usize, source: usize, length: usize): void {
  memory.copy(target, source, length);
}

export function wipe(target: usize, length: usize): void {
  memory.fill(target, 0, length);
}
