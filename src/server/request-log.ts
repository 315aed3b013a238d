/** One line of the log. Never holds the text of a query or a document. */
export type LogRecord = Readonly<Record<string, string | number | boolean | null>>;

/** Which requests are logged: none, those that fail, all. */
export type LogLevel = "off" | "errors" | "all";

const flushAfterMs = 100;
const flushAtLength = 64 << 10;

/**
 * JSON Lines log. Lines are collected for a tenth of a second and written at once: a write per
 * request would cost more than finding the route.
 */
export class RequestLog {
  readonly level: LogLevel;
  readonly #write: (text: string) => void;
  #pending = "";
  #timer: NodeJS.Timeout | null = null;

  constructor(
    level: LogLevel,
    write: (text: string) => void = (text) => process.stderr.write(text),
  ) {
    this.level = level;
    this.#write = write;
  }

  add(level: "info" | "error", record: LogRecord): void {
    if (this.level === "off" || (this.level === "errors" && level === "info")) return;
    this.#pending += `${JSON.stringify({ time: new Date().toISOString(), level, ...record })}\n`;
    if (this.#pending.length >= flushAtLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushAfterMs).unref();
  }

  /** An error that nobody expected, with its stack. */
  addFailure(error: unknown, record: LogRecord): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.add("error", { ...record, error: stack });
    this.flush();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#pending === "") return;
    this.#write(this.#pending);
    this.#pending = "";
  }
}
