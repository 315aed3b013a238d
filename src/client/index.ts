export type {
  CollectionDescription,
  CollectionList,
  CompareRequest,
  Comparison,
  CreateRequest,
  DocumentExplanation,
  DocumentInput,
  ExplainRequest,
  Explanation,
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
export { BraidClient, type CallOptions, type ClientOptions } from "./braid-client.js";
export { ProblemError } from "./problem-error.js";
