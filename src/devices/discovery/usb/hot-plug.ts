/**
 * A word from the system when a USB device comes or goes, through the optional package `usb`. Only a hint to look now:
 * what is there, the scanner reads itself, so nothing is lost where the package or its right is missing.
 */

export type HotPlug = (changed: () => void) => Promise<AsyncDisposable | undefined>;

/** Undefined where the package is not installed, or the system tells it nothing. */
export const systemHotPlug: HotPlug = async (changed) => {
  try {
    // Not the package's WebUSB: where there is no USB tree its listeners throw outside of any call.
    const { Emitter } = await import('usb/index.js');
    const emitter = new Emitter();
    await emitter.addAttach(changed);
    await emitter.addDetach(changed);
    return {
      async [Symbol.asyncDispose]() {
        await emitter.removeAttach();
        await emitter.removeDetach();
      },
    };
  } catch {
    return undefined;
  }
};
