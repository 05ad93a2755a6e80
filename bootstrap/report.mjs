/** What the person at the terminal sees: phases with their times, and failures with a cure. Only stderr. */

/** A failure of the machine or the network, never a bug: shown without a stack. */
export class BootstrapError extends Error {
  /**
   * @param {string} message what failed
   * @param {{ cure: string, details?: string, exitCode?: number }} options details = last lines of the tool that failed
   */
  constructor(message, { cure, details = '', exitCode = 1 }) {
    super(message);
    this.cure = cure;
    this.details = details;
    this.exitCode = exitCode;
  }

  get text() {
    const indented = this.details.trim() === '' ? '' : `${this.details.trim().replaceAll(/^/gm, '  | ')}\n`;
    return `sensorium: ${this.message}\n${indented}  ${this.cure.replaceAll('\n', '\n  ')}\n`;
  }
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Times the phases of one run. Long ones are announced when they begin, short ones only with --verbose. */
export class Phases {
  #verbose;
  #started = performance.now();

  constructor({ verbose }) {
    this.#verbose = verbose;
  }

  /** A phase the user waits for: `label … ok 5.1 s`. */
  async long(label, work) {
    const begun = performance.now();
    const stderr = process.stderr;
    stderr.write(`${label} … `);
    const ticker = stderr.isTTY
      ? setInterval(() => stderr.write(`\r${label} … ${seconds(performance.now() - begun)} `), 1000)
      : undefined;
    let outcome = 'failed';
    try {
      const result = await work();
      outcome = 'ok';
      return result;
    } finally {
      clearInterval(ticker);
      const tookMs = performance.now() - begun;
      stderr.write(`${stderr.isTTY ? `\r${label} … ` : ''}${outcome} ${seconds(tookMs)}\n`);
    }
  }

  /** One line with the whole of this stage, for --verbose. */
  summary(stage) {
    if (!this.#verbose) return;
    // timeOrigin is when this Node began: its own start-up counts, the user waits for it too.
    const totalMs = performance.now();
    const own = this.#started;
    process.stderr.write(
      `${stage}: node ${own.toFixed(0)} ms + checks ${(totalMs - own).toFixed(0)} ms = ${totalMs.toFixed(0)} ms\n`,
    );
  }
}
