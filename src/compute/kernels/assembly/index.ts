/**
 * The kernels' module, in AssemblyScript: what it exports is what `kernels.ts` calls. It works on memory it is given
 * (shared, imported) by plain addresses, allocates nothing and knows no owners; the twins in `../scalar` say what
 * each function means, to the last bit.
 */
export { addOne, copy, wipe } from './bytes';
export { outOfRange, scale, zScore } from './columns';
export { crc32c, makeCrcTables } from './crc32c';
export { ewma, ewmaMean, ewmaVariance } from './ewma';
export { lttb } from './lttb';
export { m4 } from './m4';
export { count, max, min, sum, summarize, sumOfSquares } from './summary';
export { deltaDecode, deltaEncode, xorDecode, xorEncode } from './words';
