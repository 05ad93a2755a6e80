/**
 * Delta and XOR of 64-bit words with their predecessor, and back. The first word stands for itself. Arithmetic wraps,
 * so that any bits survive the round trip. Source and target are the same column or do not touch.
 */

/** (high word of a, low word of b): each word's predecessor. */
function predecessors(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 2);
}

/** (0, low word). */
function moved(words: v128): v128 {
  return v128.shuffle<i64>(i64x2.splat(0), words, 0, 2);
}

function highWords(words: v128): v128 {
  return v128.shuffle<i64>(words, words, 1, 1);
}

export function deltaEncode(target: usize, source: usize, length: usize): void {
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  let before = i64x2.splat(0);
  for (; source < turns; source += 32, target += 32) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    v128.store(target, i64x2.sub(a, predecessors(before, a)));
    v128.store(target, i64x2.sub(b, predecessors(a, b)), 16);
    before = b;
  }
  let last = i64x2.extract_lane(before, 1);
  for (; source < end; source += 8, target += 8) {
    const word = load<i64>(source);
    store<i64>(target, word - last);
    last = word;
  }
}

export function deltaDecode(target: usize, source: usize, length: usize): void {
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  let before = i64x2.splat(0);
  for (; source < turns; source += 32, target += 32) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    // Both pairs are summed up without what came before, which is all that a turn waits for.
    const aSums = i64x2.add(a, moved(a));
    const bSums = i64x2.add(i64x2.add(b, moved(b)), highWords(aSums));
    v128.store(target, i64x2.add(aSums, before));
    const sums = i64x2.add(bSums, before);
    v128.store(target, sums, 16);
    before = highWords(sums);
  }
  let last = i64x2.extract_lane(before, 1);
  for (; source < end; source += 8, target += 8) {
    last += load<i64>(source);
    store<i64>(target, last);
  }
}

export function xorEncode(target: usize, source: usize, length: usize): void {
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  let before = i64x2.splat(0);
  for (; source < turns; source += 32, target += 32) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    v128.store(target, v128.xor(a, predecessors(before, a)));
    v128.store(target, v128.xor(b, predecessors(a, b)), 16);
    before = b;
  }
  let last = i64x2.extract_lane(before, 1);
  for (; source < end; source += 8, target += 8) {
    const word = load<i64>(source);
    store<i64>(target, word ^ last);
    last = word;
  }
}

export function xorDecode(target: usize, source: usize, length: usize): void {
  const end = source + (length << 3);
  const turns = source + ((length >> 2) << 5);
  let before = i64x2.splat(0);
  for (; source < turns; source += 32, target += 32) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const aMixed = v128.xor(a, moved(a));
    const bMixed = v128.xor(v128.xor(b, moved(b)), highWords(aMixed));
    v128.store(target, v128.xor(aMixed, before));
    const mixed = v128.xor(bMixed, before);
    v128.store(target, mixed, 16);
    before = highWords(mixed);
  }
  let last = i64x2.extract_lane(before, 1);
  for (; source < end; source += 8, target += 8) {
    last ^= load<i64>(source);
    store<i64>(target, last);
  }
}
