/** Opens the stored log and finds out where it begins and ends. */
import { problem } from '../../model/errors.ts';
import type { Offset } from '../../model/packet.ts';
import { BLOCK_FORMAT, readBlock, storedBytes } from './block.ts';
import { blockBytes, blockFrom, blockHeader, lastBlock } from './block-index.ts';
import { type BlockStore, type EnvironmentOptions, openEnvironment } from './environment.ts';

const FORMAT_KEY = 'format';

export interface StoredLog {
  readonly store: BlockStore;
  readonly first: Offset;
  readonly firstBytesBefore: number;
  readonly next: Offset;
  /** `bytesBefore` of the next block. */
  readonly endBytes: number;
}

export async function openBlockStore(options: EnvironmentOptions): Promise<StoredLog> {
  const store = openEnvironment(options);
  try {
    await checkFormat(store, options.path);
    return { store, ...extent(store) };
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

async function checkFormat(store: BlockStore, path: string): Promise<void> {
  const bytes = store.getBinary(FORMAT_KEY);
  if (bytes === undefined) {
    if (store.getKeysCount({ limit: 1 }) > 0) throw problem('data_dir.corrupt', `${path} is not a log.`);
    await store.put(FORMAT_KEY, Buffer.from(String(BLOCK_FORMAT)));
    return;
  }
  const format = Number(bytes.toString());
  if (!Number.isInteger(format)) throw problem('data_dir.corrupt', `${path} has no readable format number.`);
  if (format > BLOCK_FORMAT) {
    throw problem('data_dir.newer', `${path} has log format ${format}, this version reads ${BLOCK_FORMAT}.`);
  }
}

function extent(store: BlockStore): Omit<StoredLog, 'store'> {
  const last = lastBlock(store);
  const first = blockFrom(store, 0);
  if (last === undefined || first === undefined)
    return { first: 0, firstBytesBefore: 0, next: 0, endBytes: 0 };
  const tail = readBlock(last, blockBytes(store, last) ?? new Uint8Array());
  if (tail instanceof Error) throw tail;
  const head = blockHeader(store, first);
  if (head === undefined)
    throw problem('log.corrupt', `Log block ${first}: does not begin with the mark of a block.`);
  return {
    first,
    firstBytesBefore: head.bytesBefore,
    next: last + tail.count,
    endBytes: tail.bytesBefore + storedBytes(tail.size),
  };
}
