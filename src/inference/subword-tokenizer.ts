import { readFileSync } from "node:fs";
import path from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { InvalidModelError } from "../errors.js";

/** Token ids of one input as the model reads it, special tokens included. */
export interface SubwordTokens {
  readonly ids: readonly number[];
  /** Segment of each token (0 first text, 1 second); all 0 for single texts. */
  readonly typeIds: readonly number[];
}

/** Special tokens that the post-processor puts around and between texts. */
interface Template {
  readonly before: readonly number[];
  readonly between: readonly number[];
  readonly after: readonly number[];
  /** Type ids of before, first text, between, second text, after. */
  readonly types: readonly [
    readonly number[],
    number,
    readonly number[],
    number,
    readonly number[],
  ];
}

/** Characters tokenised at first per token wanted; English prose has 4 to 5 a token. */
const charactersPerToken = 12;
/** Ids of so many words are kept (a few MB), and of none longer than that. */
const mostKeptWords = 100_000;
const longestKeptWord = 48;
/** Texts on which a tokenizer shows whether it looks across spaces. */
const independenceProbes = [
  "The quick brown fox, 42 times.",
  "a  b   c",
  " leading and trailing ",
  "tabs\tand\nlines\r\n too",
  "don't stop-words e.g. naïve café",
  "日本語 and العربية mixed",
  "x",
];
/** A stretch without white space is cut here at the latest, far beyond any model's window. */
const longestStretch = 65_536;

/**
 * Text -> token ids of one model, through its `tokenizer.json`. Cuts inputs to `maxTokens` and keeps
 * the closing special tokens (`</s>`, `[SEP]`), which the underlying library does not do.
 *
 * - An empty or blank text still has its special tokens.
 * - A pair with an empty side keeps both separators, and is cut longest first.
 * - Strings of special tokens inside a text (`</s>`, `[SEP]`) are read as those tokens, as
 *   sentence-transformers does: the model was trained with that tokenizer.
 * - Where the tokenizer works word by word (tried out when it is opened), the ids of known words come from
 *   memory. Between pieces of equal likelihood ("x|xxx", "xxx|x") Unigram decides by rounding; the
 *   library lets the words before take part in that, this and the original tokenizer do not.
 * - Long texts are tokenised only as far as the cut needs, in stretches that end before white space,
 *   where no tokenizer of the served families joins tokens.
 */
export class SubwordTokenizer {
  readonly maxTokens: number;
  /** Id of the padding token; masked wherever it stands. */
  readonly padId: number;
  readonly #tokenizer: Tokenizer;
  readonly #single: Template;
  #pair: Template | null = null;
  readonly #words = new Map<string, readonly number[]>();
  readonly #wordsAreIndependent: boolean;
  /** Matches where a text has an added token. */
  readonly #addedTokens: RegExp;

  /**
   * @param tokenizerJson parsed `tokenizer.json`
   * @param tokenizerConfig parsed `tokenizer_config.json`, `{}` where there is none
   * @param maxTokens longest input, special tokens included
   * @throws {InvalidModelError} not a tokenizer this library can run
   */
  constructor(tokenizerJson: object, tokenizerConfig: object, maxTokens: number, label = "memory") {
    this.maxTokens = maxTokens;
    try {
      this.#tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
      this.#addedTokens = anyOf(
        [...this.#tokenizer.get_added_tokens_decoder().values()].map(({ content }) => content),
      );
      this.#wordsAreIndependent = this.#probeWords();
      this.#single = this.#probe(false);
    } catch (cause) {
      throw new InvalidModelError(
        `expected a tokenizer.json of WordPiece, Unigram or BPE kind, could not use ${label}: ${String(cause)}`,
        { file: label },
        { cause },
      );
    }
    const room = maxTokens - this.#single.before.length - this.#single.after.length;
    if (!Number.isInteger(maxTokens) || room < 1) {
      throw new InvalidModelError(
        `maxTokens must leave room for a token beside the special tokens, got ${maxTokens} for ${label}`,
        { file: label, maxTokens },
      );
    }
    const padToken = "pad_token" in tokenizerConfig ? tokenizerConfig.pad_token : undefined;
    const content =
      typeof padToken === "object" && padToken !== null && "content" in padToken
        ? padToken.content
        : padToken;
    this.padId = typeof content === "string" ? (this.#tokenizer.token_to_id(content) ?? 0) : 0;
  }

  /**
   * Reads `tokenizer.json` and, where present, `tokenizer_config.json` of a model folder.
   *
   * @throws {InvalidModelError} missing, not JSON, or not usable
   */
  static open(modelDir: string, maxTokens: number): SubwordTokenizer {
    const file = path.join(modelDir, "tokenizer.json");
    const tokenizerJson = readJson(file);
    if (tokenizerJson === null) {
      throw new InvalidModelError(
        `expected tokenizer.json in the model folder, found none in ${modelDir}: import the model again with its tokenizer`,
        { file },
      );
    }
    const config = readJson(path.join(modelDir, "tokenizer_config.json")) ?? {};
    return new SubwordTokenizer(tokenizerJson, config, maxTokens, file);
  }

  /** Ids of one text, at most `maxTokens`, special tokens kept. */
  encode(text: string): SubwordTokens {
    const { before, after, types } = this.#single;
    const room = this.maxTokens - before.length - after.length;
    const ids = [...before, ...this.#firstIds(text, room), ...after];
    const typeIds = new Array<number>(ids.length).fill(types[1]);
    return { ids, typeIds };
  }

  /**
   * Ids of a pair, at most `maxTokens`: while too long, the longer side loses its last token; of
   * equally long sides the first loses (the rule of Hugging Face's `longest_first`).
   */
  encodePair(first: string, second: string): SubwordTokens {
    this.#pair ??= this.#probe(true);
    const { before, between, after, types } = this.#pair;
    const room = this.maxTokens - before.length - between.length - after.length;
    let a = this.#firstIds(first, this.maxTokens);
    let b = this.#firstIds(second, this.maxTokens);
    if (a.length >= this.maxTokens && b.length >= this.maxTokens) {
      // Which side keeps the odd token depends on the true lengths, so here they are counted whole.
      a = this.#bareIds(first);
      b = this.#bareIds(second);
    }
    const [aLength, bLength] = longestFirst(a.length, b.length, room);
    const ids = [...before, ...a.slice(0, aLength), ...between, ...b.slice(0, bLength), ...after];
    const typeIds = [
      ...types[0],
      ...new Array<number>(aLength).fill(types[1]),
      ...types[2],
      ...new Array<number>(bLength).fill(types[3]),
      ...types[4],
    ];
    return { ids, typeIds };
  }

  /** Number of tokens of a whole text without special tokens and without the cut. */
  countTokens(text: string): number {
    return this.#bareIds(text).length;
  }

  /** Ids of a text without special tokens, its words from the memory where they are known. */
  #bareIds(text: string): readonly number[] {
    // Added tokens are cut out first, and what the spaces beside them become is the library's affair.
    if (!this.#wordsAreIndependent || this.#addedTokens.test(text)) return this.#wholeIds(text);
    const ids: number[] = [];
    for (let start = 0; start < text.length; ) {
      const end = wordEnd(text, start);
      for (const id of this.#wordIds(text.slice(start, end))) ids.push(id);
      start = end + 1;
    }
    return ids;
  }

  #wordIds(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const ids = this.#wholeIds(word);
    if (word.length > longestKeptWord) return ids;
    if (this.#words.size >= mostKeptWords) this.#words.clear();
    this.#words.set(word, ids);
    return ids;
  }

  #wholeIds(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** Whether the ids of a text are those of its words one after another; not so in byte-level BPE. */
  #probeWords(): boolean {
    return independenceProbes.every((text) => {
      const apart: number[] = [];
      for (let start = 0; start < text.length; ) {
        const end = wordEnd(text, start);
        apart.push(...this.#wholeIds(text.slice(start, end)));
        start = end + 1;
      }
      return apart.join() === this.#wholeIds(text).join();
    });
  }

  /** The first `limit` ids of a text, tokenising no more of it than needed. */
  #firstIds(text: string, limit: number): readonly number[] {
    for (let window = limit * charactersPerToken + 64; ; window *= 4) {
      const end = stretchEnd(text, window);
      const ids = this.#bareIds(end < text.length ? text.slice(0, end) : text);
      if (ids.length >= limit) return ids.slice(0, limit);
      if (end >= text.length) return ids;
    }
  }

  /** Finds the special tokens by encoding texts whose own ids are known. */
  #probe(pair: boolean): Template {
    for (const [first, second] of [
      ["a b c", "d e"],
      ["one two three", "four"],
      ["1 2 3", "4 5"],
    ] as const) {
      const a = this.#bareIds(first);
      const b = pair ? this.#bareIds(second) : [];
      const whole = this.#tokenizer.encode(first, {
        text_pair: pair ? second : null,
        return_token_type_ids: true,
      });
      const ids = whole.ids;
      const types = whole.token_type_ids;
      const aAt = indexOfRun(ids, a, 0);
      if (aAt < 0 || a.length === 0) continue;
      const bAt = pair ? indexOfRun(ids, b, aAt + a.length) : aAt + a.length;
      if (bAt < 0 || (pair && b.length === 0)) continue;
      const aEnd = aAt + a.length;
      const bEnd = bAt + b.length;
      return {
        before: ids.slice(0, aAt),
        between: ids.slice(aEnd, bAt),
        after: ids.slice(bEnd),
        types: [
          types.slice(0, aAt),
          types[aAt] ?? 0,
          types.slice(aEnd, bAt),
          types[bAt] ?? 0,
          types.slice(bEnd),
        ],
      };
    }
    throw new Error("its post-processor changes the tokens of the text itself");
  }
}

/**
 * Lengths after cutting a pair to `room` tokens longest first. Equal to taking single tokens off the
 * longer side; where both end up cut, the side that was longer (the second if equal) keeps the odd one.
 */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const half = Math.floor(room / 2);
  const [short, long] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return first > second ? [long, short] : [short, long];
}

/**
 * Where the word that begins at `start` ends: at a space that text follows. Of several spaces the last is
 * the boundary and the others stay with the word before, as do spaces at the text's end, since some
 * tokenizers count them; other white space stays inside, and a space before a combining mark or what
 * normalises to white space is no boundary.
 */
function wordEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && text.charCodeAt(end) === 0x20) end++;
  for (;;) {
    end = text.indexOf(" ", end);
    if (end < 0) return text.length;
    while (text.charCodeAt(end + 1) === 0x20) end++;
    if (end + 1 === text.length) return text.length;
    if (text.charCodeAt(end + 1) < 0x80 || !joinsSpace(text.slice(end + 1, end + 3))) return end;
    end++;
  }
}

function anyOf(contents: readonly string[]): RegExp {
  const parts = contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  // Where there is nothing to find: a pattern that never matches.
  return new RegExp(parts.join("|") || "(?!)", "i");
}

function joinsSpace(next: string): boolean {
  return /^[\p{M}\s]/u.test(next.normalize("NFKD"));
}

/** Where the first stretch of about `window` characters ends: before white space, or at the text's end. */
function stretchEnd(text: string, window: number): number {
  if (window >= text.length) return text.length;
  for (let end = window; end > window / 2; end--) {
    if (isSpace(text.charCodeAt(end))) return end;
  }
  const latest = Math.min(text.length, window + longestStretch);
  for (let end = window + 1; end < latest; end++) {
    if (isSpace(text.charCodeAt(end))) return end;
  }
  return latest;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09 || unit === 0x3000;
}

function indexOfRun(ids: readonly number[], run: readonly number[], from: number): number {
  for (let at = from; at + run.length <= ids.length; at++) {
    if (run.every((id, i) => ids[at + i] === id)) return at;
  }
  return -1;
}

function readJson(file: string): object | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new InvalidModelError(`could not read ${file}: ${String(cause)}`, { file }, { cause });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw new InvalidModelError(`expected JSON in ${file}: ${String(cause)}`, { file }, { cause });
  }
  throw new InvalidModelError(`expected a JSON object in ${file}`, { file });
}
