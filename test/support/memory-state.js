/** A StateStore in memory: values are copied in and out, writes take effect a turn later, a fault can be ordered. */
export class MemoryStateStore {
    #tables = new Map();
    /** Set: every write rejects with it. */
    writeFault;
    /** Set: every read throws it. */
    readFault;
    /** Keys written so far, "table/key". */
    writes = [];
    table(name) {
        const known = this.#tables.get(name);
        if (known !== undefined)
            return known;
        const table = new MemoryTable(this, name);
        this.#tables.set(name, table);
        return table;
    }
    bytes(name) {
        return this.table(name);
    }
    close() {
        return Promise.resolve();
    }
}
class MemoryTable {
    #store;
    #name;
    #rows = new Map();
    constructor(store, name) {
        this.#store = store;
        this.#name = name;
    }
    get count() {
        return this.#rows.size;
    }
    get(key) {
        this.#read();
        return structuredClone(this.#rows.get(key));
    }
    async put(key, value) {
        const copy = structuredClone(value);
        await this.#write(key);
        this.#rows.set(key, copy);
    }
    async remove(key) {
        await this.#write(key);
        return this.#rows.delete(key);
    }
    *entries(range = {}) {
        this.#read();
        let left = range.limit ?? Infinity;
        for (const key of [...this.#rows.keys()].toSorted((a, b) => (a < b ? -1 : 1))) {
            if (range.after !== undefined && key <= range.after)
                continue;
            if (range.prefix !== undefined && !key.startsWith(range.prefix))
                continue;
            if (left-- <= 0)
                return;
            const value = this.#rows.get(key);
            if (value !== undefined)
                yield [key, structuredClone(value)];
        }
    }
    #read() {
        if (this.#store.readFault !== undefined)
            throw this.#store.readFault;
    }
    async #write(key) {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.#store.writeFault !== undefined)
            throw this.#store.writeFault;
        this.#store.writes.push(`${this.#name}/${key}`);
    }
}
