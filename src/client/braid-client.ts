/**
 * Client of the REST service, for browsers and Node: nothing but `fetch`. Every answer that is not a
 * success is thrown as a `ProblemError`.
 */
import type {
  CollectionDescription,
  CollectionList,
  CompareRequest,
  Comparison,
  CreateRequest,
  DocumentExplanation,
  DocumentInput,
  ExplainRequest,
  Problem,
  Readiness,
  SearchAnswer,
  SearchRequest,
  SimilarAnswer,
  SimilarRequest,
  StoredDocument,
  Suggestions,
  UploadReport,
} from "./api-types.js";
import { ProblemError } from "./problem-error.js";

export interface ClientOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly key?: string | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a stream of JSON lines may be given as. */
type LinesBody = NonNullable<NonNullable<Parameters<typeof fetch>[1]>["body"]>;

export class BraidClient {
  readonly #address: string;
  readonly #fetch: typeof fetch;
  #key: string | undefined;

  /** @param address of the service, `http://127.0.0.1:7700`; "" is the page's own origin */
  constructor(address: string, options: ClientOptions = {}) {
    this.#address = address.replace(/\/+$/, "");
    this.#key = options.key;
    // Browsers refuse a fetch that is called as somebody's method.
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  /** Key of the requests from now on. */
  set key(key: string | undefined) {
    this.#key = key;
  }

  collections(options?: CallOptions): Promise<CollectionList> {
    return this.#call("GET", "/v1/collections", undefined, options);
  }

  createCollection(
    name: string,
    settings: CreateRequest = {},
    options?: CallOptions,
  ): Promise<CollectionDescription> {
    return this.#call("PUT", pathOf(name), settings, options);
  }

  describeCollection(name: string, options?: CallOptions): Promise<CollectionDescription> {
    return this.#call("GET", pathOf(name), undefined, options);
  }

  dropCollection(name: string, options?: CallOptions): Promise<{ readonly dropped: string }> {
    return this.#call("DELETE", pathOf(name), undefined, options);
  }

  /** Adds or replaces documents, all at once; durable when the promise resolves. */
  addDocuments(
    name: string,
    documents: readonly DocumentInput[],
    options?: CallOptions,
  ): Promise<UploadReport> {
    return this.#call("POST", `${pathOf(name)}/documents`, documents, options);
  }

  /** Adds or replaces documents given as JSON lines: text, a file, a stream of any length. */
  addLines(name: string, lines: LinesBody, options?: CallOptions): Promise<UploadReport> {
    return this.#send("POST", `${pathOf(name)}/documents`, lines, "application/x-ndjson", options);
  }

  /** @throws {ProblemError} (404) no such document */
  document(name: string, id: string, options?: CallOptions): Promise<StoredDocument> {
    return this.#call(
      "GET",
      `${pathOf(name)}/documents/${encodeURIComponent(id)}`,
      undefined,
      options,
    );
  }

  /** @throws {ProblemError} (404) no such document */
  deleteDocument(
    name: string,
    id: string,
    options?: CallOptions,
  ): Promise<{ readonly deleted: number }> {
    const where = `${pathOf(name)}/documents/${encodeURIComponent(id)}`;
    return this.#call("DELETE", where, undefined, options);
  }

  search(
    name: string,
    request: string | SearchRequest,
    options?: CallOptions,
  ): Promise<SearchAnswer> {
    const body = typeof request === "string" ? { query: request } : request;
    return this.#call("POST", `${pathOf(name)}/search`, body, options);
  }

  /** Every page of a search, each as it is asked for. */
  async *pages(
    name: string,
    request: SearchRequest,
    options?: CallOptions,
  ): AsyncGenerator<SearchAnswer> {
    let cursor: string | undefined = request.cursor;
    do {
      const page: SearchAnswer = await this.search(
        name,
        cursor === undefined ? request : { ...request, offset: undefined, cursor },
        options,
      );
      if (page.hits.length > 0) yield page;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** Documents like one that is there. */
  similar(
    name: string,
    id: string,
    request: SimilarRequest = {},
    options?: CallOptions,
  ): Promise<SimilarAnswer> {
    const where = `${pathOf(name)}/documents/${encodeURIComponent(id)}/similar`;
    return this.#call("POST", where, request, options);
  }

  /** Titles that what was typed may be the beginning of. */
  suggest(name: string, typed: string, options?: CallOptions): Promise<Suggestions> {
    const where = `${pathOf(name)}/suggest?q=${encodeURIComponent(typed)}`;
    return this.#call("GET", where, undefined, options);
  }

  compare(name: string, request: CompareRequest, options?: CallOptions): Promise<Comparison> {
    return this.#call("POST", `${pathOf(name)}/compare`, request, options);
  }

  explain(
    name: string,
    request: ExplainRequest,
    options?: CallOptions,
  ): Promise<DocumentExplanation> {
    return this.#call("POST", `${pathOf(name)}/explain`, request, options);
  }

  readiness(options?: CallOptions): Promise<Readiness> {
    return this.#call("GET", "/readyz", undefined, options);
  }

  #call<Answer>(
    method: string,
    path: string,
    body: unknown,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.#send(method, path, text, "application/json", options);
  }

  async #send<Answer>(
    method: string,
    path: string,
    body: LinesBody | undefined,
    contentType: string,
    { signal }: CallOptions = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.#key !== undefined) headers["Authorization"] = `Bearer ${this.#key}`;
    if (body !== undefined) headers["Content-Type"] = contentType;
    const response = await this.#fetch(this.#address + path, {
      method,
      headers,
      ...(signal === undefined ? {} : { signal }),
      // A stream as body wants to be announced as one-way.
      ...(body === undefined ? {} : { body, duplex: "half" }),
    } as RequestInit);
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as Answer;
    throw new ProblemError(
      problemIn(text, response.status),
      response.headers.get("X-Request-Id"),
      retryAfterMs(response.headers.get("Retry-After")),
    );
  }
}

function pathOf(collection: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}`;
}

/** The problem in an answer, or one that says what came instead (from a proxy, say). */
function problemIn(text: string, status: number): Problem {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    if (typeof value?.detail === "string" && typeof value.code === "string")
      return value as Problem;
  } catch {
    // Not JSON: below.
  }
  return {
    type: "about:blank",
    title: "Unexpected answer",
    status,
    detail: `the service answered with status ${status} and no problem details`,
    code: "UNEXPECTED",
    facts: {},
  };
}

function retryAfterMs(header: string | null): number | null {
  const seconds = Number(header);
  return header === null || !Number.isFinite(seconds) ? null : seconds * 1000;
}
