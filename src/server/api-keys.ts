import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { InputError, NotFoundError } from "../errors.js";
import type { Scope } from "./operation.js";

/** Scopes from the least to the most; each includes those before it. */
export const scopes: readonly Scope[] = ["read", "write", "admin"];

export interface ApiKey {
  readonly name: string;
  readonly scope: Scope;
  /** SHA-256 of the key. Keys are 256 random bits, so that no slower hash is needed. */
  readonly hash: Buffer;
}

/** Milliseconds between two looks at the file. */
const checkEveryMs = 1000;

/**
 * Keys of a file: one a line, `<name> <scope> sha256:<hex>`, `#` begins a comment. The file is read
 * again when it changes; if the new content is wrong the keys before it stay.
 */
export class ApiKeys {
  readonly #file: string;
  readonly #onProblem: (error: unknown) => void;
  #keys: readonly ApiKey[];
  #version: string;
  #nextCheckMs: number;

  /**
   * @throws {NotFoundError} no such file
   * @throws {InputError} a line that is not a key, or no key at all
   */
  constructor(file: string, onProblem: (error: unknown) => void = () => {}) {
    this.#file = file;
    this.#onProblem = onProblem;
    this.#version = versionOf(file);
    this.#keys = readKeys(file);
    this.#nextCheckMs = performance.now() + checkEveryMs;
  }

  /** The key of that text, or null. The time taken does not depend on where a key differs. */
  find(text: string): ApiKey | null {
    this.#refresh();
    const hash = hashOf(text);
    let found: ApiKey | null = null;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) found = key;
    return found;
  }

  #refresh(): void {
    const now = performance.now();
    if (now < this.#nextCheckMs) return;
    this.#nextCheckMs = now + checkEveryMs;
    try {
      const version = versionOf(this.#file);
      if (version === this.#version) return;
      this.#version = version;
      this.#keys = readKeys(this.#file);
    } catch (error) {
      this.#onProblem(error);
    }
  }
}

/** Whether a key of scope `held` may do what asks for `asked`. */
export function includesScope(held: Scope, asked: Scope): boolean {
  return scopes.indexOf(held) >= scopes.indexOf(asked);
}

/** A new random key, and the line that lets it in. The key itself is stored nowhere. */
export function createApiKey(name: string, scope: Scope): { key: string; line: string } {
  if (!namePattern.test(name)) throw wrongName(name);
  const key = `braid_${randomBytes(32).toString("base64url")}`;
  return { key, line: `${name} ${scope} sha256:${hashOf(key).toString("hex")}` };
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function wrongName(name: string): InputError {
  return new InputError(
    `a key's name must be 1 to 64 letters, digits, '.', '_' or '-', got ${JSON.stringify(name.slice(0, 80))}`,
    { field: "name" },
  );
}

function readKeys(file: string): ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [i, line] of readFileSync(file, "utf8").split(/\r?\n/).entries()) {
    const text = line.replace(/#.*$/, "").trim();
    if (text === "") continue;
    const [name = "", scope = "", hash = "", ...more] = text.split(/\s+/);
    const digest = /^sha256:([0-9a-f]{64})$/i.exec(hash)?.[1];
    const known = scopes.find((one) => one === scope);
    if (!namePattern.test(name) || known === undefined || digest === undefined || more.length > 0) {
      throw new InputError(
        `${file}:${i + 1}: expected "<name> ${scopes.join("|")} sha256:<64 hex digits>": ` +
          "`braid key` makes such lines",
        { file, line: i + 1 },
      );
    }
    keys.push({ name, scope: known, hash: Buffer.from(digest, "hex") });
  }
  if (keys.length === 0) {
    throw new InputError(`${file} holds no key: \`braid key --name ci\` makes one`, { file });
  }
  return keys;
}

function versionOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new NotFoundError(
      `there is no key file ${file}: \`braid key --name admin --scope admin >> ${file}\` begins one`,
      { file },
    );
  }
  return `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}
