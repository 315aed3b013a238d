import type { NumberingAnalyzer, Token } from "./analyzer.js";
import { TermTable } from "./term-table.js";
import { scanWords, WordSpans } from "./word-scanner.js";

/** Words remembered per analyzer: some 40 MB at most, and English text rarely needs a tenth. */
const defaultMemoLimit = 400_000;

/** The chain of an analyzer behind its tokenizer. */
export interface WordChain {
  /** Name and version, written into manifests. */
  readonly id: string;
  /** One word as written -> its term; "" drops the word. Must not keep state. */
  termOf(word: string): string;
  /** Finds the words; Unicode words unless given. */
  readonly scan?: (text: string, spans: WordSpans) => void;
}

/** An analyzer whose words are spans of the text and give at most one term each. */
export class WordAnalyzer implements NumberingAnalyzer {
  readonly id: string;
  readonly #scan: (text: string, spans: WordSpans) => void;
  readonly #table: TermTable;
  readonly #spans = new WordSpans();
  #numbers = new Int32Array(1024);
  #positions = new Uint32Array(1024);
  #words = new Uint32Array(1024);

  constructor(chain: WordChain, memoLimit: number = defaultMemoLimit) {
    this.id = chain.id;
    this.#scan = chain.scan ?? scanWords;
    this.#table = new TermTable((word) => chain.termOf(word), memoLimit);
  }

  terms(text: string): string[] {
    const count = this.numberTerms(text);
    const known = this.#table.terms;
    const numbers = this.#numbers;
    const terms: string[] = new Array(count);
    for (let i = 0; i < count; i++) terms[i] = known[numbers[i] as number] as string;
    return terms;
  }

  tokens(text: string): Token[] {
    const count = this.numberTerms(text);
    const tokens: Token[] = [];
    for (let i = 0; i < count; i++) {
      tokens.push({
        term: this.#table.terms[this.#numbers[i] as number] as string,
        position: this.#positions[i] as number,
        start: this.startOf(i),
        end: this.endOf(i),
      });
    }
    return tokens;
  }

  numberTerms(text: string): number {
    this.#table.trim();
    const spans = this.#spans;
    this.#scan(text, spans);
    if (this.#numbers.length < spans.count) {
      this.#numbers = new Int32Array(spans.starts.length);
      this.#positions = new Uint32Array(spans.starts.length);
      this.#words = new Uint32Array(spans.starts.length);
    }
    const table = this.#table;
    const numbers = this.#numbers;
    const positions = this.#positions;
    const words = this.#words;
    const { starts, ends, positions: wordPositions, count: wordCount } = spans;
    let count = 0;
    for (let word = 0; word < wordCount; word++) {
      const number = table.numberOf(text, starts[word] as number, ends[word] as number);
      if (number < 0) continue;
      numbers[count] = number;
      positions[count] = wordPositions[word] as number;
      words[count++] = word;
    }
    return count;
  }

  get termNumbers(): Int32Array {
    return this.#numbers;
  }

  get termPositions(): Uint32Array {
    return this.#positions;
  }

  startOf(index: number): number {
    return this.#spans.starts[this.#words[index] as number] as number;
  }

  endOf(index: number): number {
    return this.#spans.ends[this.#words[index] as number] as number;
  }

  get epoch(): number {
    return this.#table.epoch;
  }

  termOf(number: number): string {
    return this.#table.terms[number] as string;
  }
}
