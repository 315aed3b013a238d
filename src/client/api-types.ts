// Made from the service's schemas by scripts/client/api-types.ts: change those, not this.

/** A search; only `query` is needed. */
export type SearchRequest = {
  readonly query: string;
  readonly syntax?: "operators" | "plain" | undefined;
  readonly prefix?: boolean | undefined;
  readonly fuzzy?: boolean | undefined;
  readonly mode?: "sparse" | "dense" | "hybrid" | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly filter?: Readonly<Record<string, unknown>> | string | undefined;
  readonly depth?:
    | {
        readonly sparse?: number | undefined;
        readonly dense?: number | undefined;
      }
    | undefined;
  readonly fusion?:
    | {
        readonly method?: "weighted" | undefined;
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly adaptive?: boolean | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "rrf";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly rankConstant?: number | undefined;
      }
    | {
        readonly method: "combsum" | "combmnz" | "combanz";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "isr" | "logisr" | "borda" | "condorcet";
        readonly weights?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly feedback?:
    | {
        readonly documents?: number | undefined;
        readonly terms?: number | undefined;
        readonly weight?: number | undefined;
      }
    | undefined;
  readonly rerank?:
    | {
        readonly model: string;
        readonly depth?: number | undefined;
        readonly budgetMs?: number | undefined;
        readonly weight?: number | undefined;
      }
    | undefined;
  readonly bm25?:
    | {
        readonly k1?: number | undefined;
        readonly b?: number | undefined;
      }
    | undefined;
  readonly explain?: boolean | undefined;
  readonly highlight?: boolean | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly facets?: readonly string[] | undefined;
  readonly allowDegraded?: boolean | undefined;
  readonly cursor?: string | undefined;
};

/** One query in all modes. */
export type CompareRequest = {
  readonly query: string;
  readonly syntax?: "operators" | "plain" | undefined;
  readonly prefix?: boolean | undefined;
  readonly fuzzy?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly filter?: Readonly<Record<string, unknown>> | string | undefined;
  readonly depth?:
    | {
        readonly sparse?: number | undefined;
        readonly dense?: number | undefined;
      }
    | undefined;
  readonly fusion?:
    | {
        readonly method?: "weighted" | undefined;
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly adaptive?: boolean | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "rrf";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly rankConstant?: number | undefined;
      }
    | {
        readonly method: "combsum" | "combmnz" | "combanz";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "isr" | "logisr" | "borda" | "condorcet";
        readonly weights?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly feedback?:
    | {
        readonly documents?: number | undefined;
        readonly terms?: number | undefined;
        readonly weight?: number | undefined;
      }
    | undefined;
  readonly bm25?:
    | {
        readonly k1?: number | undefined;
        readonly b?: number | undefined;
      }
    | undefined;
  readonly explain?: boolean | undefined;
  readonly highlight?: boolean | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly facets?: readonly string[] | undefined;
  readonly candidates?: number | undefined;
};

/** A search and the document asked about. */
export type ExplainRequest = {
  readonly id: string;
  readonly query: string;
  readonly syntax?: "operators" | "plain" | undefined;
  readonly prefix?: boolean | undefined;
  readonly fuzzy?: boolean | undefined;
  readonly mode?: "sparse" | "dense" | "hybrid" | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly filter?: Readonly<Record<string, unknown>> | string | undefined;
  readonly depth?:
    | {
        readonly sparse?: number | undefined;
        readonly dense?: number | undefined;
      }
    | undefined;
  readonly fusion?:
    | {
        readonly method?: "weighted" | undefined;
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly adaptive?: boolean | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "rrf";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly rankConstant?: number | undefined;
      }
    | {
        readonly method: "combsum" | "combmnz" | "combanz";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "isr" | "logisr" | "borda" | "condorcet";
        readonly weights?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly feedback?:
    | {
        readonly documents?: number | undefined;
        readonly terms?: number | undefined;
        readonly weight?: number | undefined;
      }
    | undefined;
  readonly rerank?:
    | {
        readonly model: string;
        readonly depth?: number | undefined;
        readonly budgetMs?: number | undefined;
        readonly weight?: number | undefined;
      }
    | undefined;
  readonly bm25?:
    | {
        readonly k1?: number | undefined;
        readonly b?: number | undefined;
      }
    | undefined;
  readonly explain?: boolean | undefined;
  readonly highlight?: boolean | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly facets?: readonly string[] | undefined;
  readonly allowDegraded?: boolean | undefined;
};

/** Settings of a new collection. */
export type CreateRequest = {
  readonly encoder?: string | null | undefined;
  readonly analyzer?:
    | "danish@1"
    | "dutch@1"
    | "english-code@1"
    | "english@1"
    | "finnish@1"
    | "french@1"
    | "german@1"
    | "hungarian@1"
    | "italian@1"
    | "norwegian@1"
    | "portuguese@1"
    | "romanian@1"
    | "russian@1"
    | "spanish@1"
    | "standard@1"
    | "swedish@1"
    | "turkish@1"
    | "whitespace@1"
    | undefined;
  readonly positions?: boolean | undefined;
  readonly boosts?:
    | {
        readonly title?: number | undefined;
        readonly text?: number | undefined;
      }
    | undefined;
  readonly bm25?:
    | {
        readonly variant?: "lucene" | "robertson" | "atire" | "bm25plus" | "bm25l" | undefined;
        readonly k1?: number | undefined;
        readonly b?: number | undefined;
        readonly delta?: number | undefined;
      }
    | undefined;
  readonly denseIndex?: "auto" | "exact" | "hnsw" | undefined;
};

/** A document as it is sent. */
export type DocumentInput =
  | {
      readonly _id: string | number;
      readonly title?: string | null | undefined;
      readonly text: string | null;
      readonly [field: string]: unknown;
    }
  | {
      readonly _id: string | number;
      readonly title: string | null;
      readonly text?: string | null | undefined;
      readonly [field: string]: unknown;
    };

/** Hits, best first. */
export type SearchAnswer = {
  readonly query: string;
  readonly mode: "sparse" | "dense" | "hybrid";
  readonly tookMs: number;
  readonly stages: ReadonlyArray<{
    readonly name: string;
    readonly candidates: number;
    readonly ms: number;
    readonly note?: string | undefined;
  }>;
  readonly degraded: boolean;
  readonly degradedReason?: string | undefined;
  readonly total: number;
  readonly facets?: Readonly<Record<string, Readonly<Record<string, number>>>> | undefined;
  readonly hits: ReadonlyArray<{
    readonly id: string;
    readonly rank: number;
    readonly score: number;
    readonly document: {
      readonly _id: string;
      readonly [field: string]: unknown;
    };
    readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
    readonly explain?:
      | {
          readonly sparse?:
            | {
                readonly rank: number | null;
                readonly score: number | null;
                readonly normalized: number | null;
                readonly terms: ReadonlyArray<{
                  readonly term: string;
                  readonly tf: number;
                  readonly df: number;
                  readonly idf: number;
                  readonly score: number;
                }>;
              }
            | undefined;
          readonly dense?:
            | {
                readonly rank: number | null;
                readonly score: number | null;
                readonly normalized: number | null;
              }
            | undefined;
          readonly fusion?:
            | {
                readonly method: string;
                readonly contributions: Readonly<Record<string, number>>;
                readonly score: number;
              }
            | undefined;
          readonly rerank?:
            | {
                readonly rankBefore: number;
                readonly score: number;
              }
            | undefined;
        }
      | undefined;
  }>;
  readonly cursor?: string | undefined;
};

/** Documents like another. */
export type SimilarRequest = {
  readonly mode?: "sparse" | "dense" | "hybrid" | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly filter?: Readonly<Record<string, unknown>> | string | undefined;
  readonly depth?:
    | {
        readonly sparse?: number | undefined;
        readonly dense?: number | undefined;
      }
    | undefined;
  readonly fusion?:
    | {
        readonly method?: "weighted" | undefined;
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly adaptive?: boolean | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "rrf";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly rankConstant?: number | undefined;
      }
    | {
        readonly method: "combsum" | "combmnz" | "combanz";
        readonly weights?: Readonly<Record<string, number>> | undefined;
        readonly normalization?:
          | "bounded"
          | "unit"
          | "theoretical"
          | "min-max"
          | "max"
          | "sum"
          | "z-score"
          | "distribution"
          | "rank"
          | "none"
          | Readonly<
              Record<
                string,
                | "bounded"
                | "unit"
                | "theoretical"
                | "min-max"
                | "max"
                | "sum"
                | "z-score"
                | "distribution"
                | "rank"
                | "none"
              >
            >
          | undefined;
      }
    | {
        readonly method: "isr" | "logisr" | "borda" | "condorcet";
        readonly weights?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly explain?: boolean | undefined;
  readonly fields?: readonly string[] | undefined;
};

/** Documents like another, best first. */
export type SimilarAnswer = {
  readonly id: string;
  readonly mode: "sparse" | "dense" | "hybrid";
  readonly tookMs: number;
  readonly stages: ReadonlyArray<{
    readonly name: string;
    readonly candidates: number;
    readonly ms: number;
    readonly note?: string | undefined;
  }>;
  readonly terms: readonly string[];
  readonly hits: ReadonlyArray<{
    readonly id: string;
    readonly rank: number;
    readonly score: number;
    readonly document: {
      readonly _id: string;
      readonly [field: string]: unknown;
    };
    readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
    readonly explain?:
      | {
          readonly sparse?:
            | {
                readonly rank: number | null;
                readonly score: number | null;
                readonly normalized: number | null;
                readonly terms: ReadonlyArray<{
                  readonly term: string;
                  readonly tf: number;
                  readonly df: number;
                  readonly idf: number;
                  readonly score: number;
                }>;
              }
            | undefined;
          readonly dense?:
            | {
                readonly rank: number | null;
                readonly score: number | null;
                readonly normalized: number | null;
              }
            | undefined;
          readonly fusion?:
            | {
                readonly method: string;
                readonly contributions: Readonly<Record<string, number>>;
                readonly score: number;
              }
            | undefined;
          readonly rerank?:
            | {
                readonly rankBefore: number;
                readonly score: number;
              }
            | undefined;
        }
      | undefined;
  }>;
};

/** Titles that may be meant. */
export type Suggestions = {
  readonly suggestions: ReadonlyArray<{
    readonly title: string;
    readonly id: string;
  }>;
};

/** Three lists and what they share. */
export type Comparison = {
  readonly query: string;
  readonly tookMs: number;
  readonly stages: ReadonlyArray<{
    readonly name: string;
    readonly candidates: number;
    readonly ms: number;
    readonly note?: string | undefined;
  }>;
  readonly modes: {
    readonly sparse: ReadonlyArray<{
      readonly id: string;
      readonly rank: number;
      readonly score: number;
      readonly title: string;
      readonly ranks: {
        readonly sparse: number | null;
        readonly dense: number | null;
        readonly hybrid: number | null;
      };
    }>;
    readonly dense: ReadonlyArray<{
      readonly id: string;
      readonly rank: number;
      readonly score: number;
      readonly title: string;
      readonly ranks: {
        readonly sparse: number | null;
        readonly dense: number | null;
        readonly hybrid: number | null;
      };
    }>;
    readonly hybrid: ReadonlyArray<{
      readonly id: string;
      readonly rank: number;
      readonly score: number;
      readonly title: string;
      readonly ranks: {
        readonly sparse: number | null;
        readonly dense: number | null;
        readonly hybrid: number | null;
      };
    }>;
  };
  readonly overlap: {
    readonly sparseDense: {
      readonly common: number;
      readonly jaccard: number;
    };
    readonly sparseHybrid: {
      readonly common: number;
      readonly jaccard: number;
    };
    readonly denseHybrid: {
      readonly common: number;
      readonly jaccard: number;
    };
  };
  readonly total: number;
  readonly facets?: Readonly<Record<string, Readonly<Record<string, number>>>> | undefined;
  readonly documents?:
    | Readonly<
        Record<
          string,
          {
            readonly document: {
              readonly _id: string;
              readonly [field: string]: unknown;
            };
            readonly highlights?: Readonly<Record<string, readonly string[]>> | undefined;
            readonly explain?:
              | {
                  readonly sparse?:
                    | {
                        readonly rank: number | null;
                        readonly score: number | null;
                        readonly normalized: number | null;
                        readonly terms: ReadonlyArray<{
                          readonly term: string;
                          readonly tf: number;
                          readonly df: number;
                          readonly idf: number;
                          readonly score: number;
                        }>;
                      }
                    | undefined;
                  readonly dense?:
                    | {
                        readonly rank: number | null;
                        readonly score: number | null;
                        readonly normalized: number | null;
                      }
                    | undefined;
                  readonly fusion?:
                    | {
                        readonly method: string;
                        readonly contributions: Readonly<Record<string, number>>;
                        readonly score: number;
                      }
                    | undefined;
                  readonly rerank?:
                    | {
                        readonly rankBefore: number;
                        readonly score: number;
                      }
                    | undefined;
                }
              | undefined;
          }
        >
      >
    | undefined;
  readonly candidates?:
    | ReadonlyArray<{
        readonly id: string;
        readonly title: string;
        readonly sparse: {
          readonly rank: number | null;
          readonly score: number | null;
          readonly normalized: number | null;
        };
        readonly dense: {
          readonly rank: number | null;
          readonly score: number | null;
          readonly normalized: number | null;
        };
      }>
    | undefined;
};

/** Why a hit has its score. */
export type Explanation = {
  readonly sparse?:
    | {
        readonly rank: number | null;
        readonly score: number | null;
        readonly normalized: number | null;
        readonly terms: ReadonlyArray<{
          readonly term: string;
          readonly tf: number;
          readonly df: number;
          readonly idf: number;
          readonly score: number;
        }>;
      }
    | undefined;
  readonly dense?:
    | {
        readonly rank: number | null;
        readonly score: number | null;
        readonly normalized: number | null;
      }
    | undefined;
  readonly fusion?:
    | {
        readonly method: string;
        readonly contributions: Readonly<Record<string, number>>;
        readonly score: number;
      }
    | undefined;
  readonly rerank?:
    | {
        readonly rankBefore: number;
        readonly score: number;
      }
    | undefined;
};

/** Why a document is there or not. */
export type DocumentExplanation = {
  readonly query: string;
  readonly mode: "sparse" | "dense" | "hybrid";
  readonly id: string;
  readonly title: string;
  readonly rank: number | null;
  readonly score: number | null;
  readonly onPage: boolean;
  readonly shortfalls: ReadonlyArray<{
    readonly stage: "filter" | "sparse" | "dense" | "fusion" | "page";
    readonly reason: string;
  }>;
  readonly explain: {
    readonly sparse?:
      | {
          readonly rank: number | null;
          readonly score: number | null;
          readonly normalized: number | null;
          readonly terms: ReadonlyArray<{
            readonly term: string;
            readonly tf: number;
            readonly df: number;
            readonly idf: number;
            readonly score: number;
          }>;
        }
      | undefined;
    readonly dense?:
      | {
          readonly rank: number | null;
          readonly score: number | null;
          readonly normalized: number | null;
        }
      | undefined;
    readonly fusion?:
      | {
          readonly method: string;
          readonly contributions: Readonly<Record<string, number>>;
          readonly score: number;
        }
      | undefined;
    readonly rerank?:
      | {
          readonly rankBefore: number;
          readonly score: number;
        }
      | undefined;
  };
  readonly stages: ReadonlyArray<{
    readonly name: string;
    readonly candidates: number;
    readonly ms: number;
    readonly note?: string | undefined;
  }>;
};

/** One collection. */
export type CollectionDescription = {
  readonly name: string;
  readonly generation: number;
  readonly docCount: number;
  readonly deletedCount: number;
  readonly totalBytes: number;
  readonly logBytes: number;
  readonly segmentCount: number;
  readonly encoder: {
    readonly name: string;
    readonly fingerprint: string;
    readonly dimension: number;
    readonly similarity: "cosine" | "dot";
  } | null;
  readonly settings: {
    readonly analyzer: string;
    readonly [field: string]: unknown;
  };
  readonly fields: readonly string[];
  readonly defaultFusion: {
    readonly method: string;
    readonly [field: string]: unknown;
  };
  readonly problem: string | null;
};

/** All collections. */
export type CollectionList = {
  readonly collections: ReadonlyArray<{
    readonly name: string;
    readonly docCount: number | null;
    readonly totalBytes: number | null;
    readonly generation: number | null;
    readonly encoder: string | null;
    readonly analyzer: string | null;
    readonly problem: string | null;
  }>;
};

/** A document as it is given back. */
export type StoredDocument = {
  readonly _id: string;
  readonly title: string;
  readonly text: string;
  readonly [field: string]: unknown;
};

/** What became of documents that were sent. */
export type UploadReport = {
  readonly received: number;
  readonly added: number;
  readonly replaced: number;
  readonly failed: number;
  readonly errors: ReadonlyArray<{
    readonly line: number;
    readonly code: string;
    readonly detail: string;
  }>;
  readonly generation: number;
};

/** What the service can serve. */
export type Readiness = {
  readonly ready: boolean;
  readonly collections: number;
  readonly problems: ReadonlyArray<{
    readonly name: string;
    readonly problem: string;
  }>;
};

/** Why a request failed (RFC 9457). */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly [field: string]: unknown;
};
