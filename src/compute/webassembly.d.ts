/**
 * The part of the WebAssembly interface that compute uses (https://www.w3.org/TR/wasm-js-api-2/): neither the
 * language's own libraries nor Node's types declare it.
 */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: {
      /** Pages of 64 KiB. */
      readonly initial: number;
      readonly maximum: number;
      readonly shared: true;
    });
    readonly buffer: SharedArrayBuffer;
  }

  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module';
  }
  const Module: { new (bytes: Uint8Array): Module };

  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: unknown;
  }
}
