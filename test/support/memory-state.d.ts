import type { StateStore, StateTable } from '../../src/model/ports/state.ts';
/** A StateStore in memory: values are copied in and out, writes take effect a turn later, a fault can be ordered. */
export declare class MemoryStateStore implements StateStore {
    #private;
    /** Set: every write rejects with it. */
    writeFault: Error | undefined;
    /** Set: every read throws it. */
    readFault: Error | undefined;
    /** Keys written so far, "table/key". */
    readonly writes: string[];
    table<V>(name: string): StateTable<V>;
    bytes(name: string): StateTable<Uint8Array>;
    close(): Promise<void>;
}
