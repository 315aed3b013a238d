/** Stable codes of every error thrown on purpose; `docs/errors.md` explains each one. */
export type ErrorCode =
  | "INPUT_INVALID"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "INDEX_CORRUPT"
  | "INDEX_VERSION"
  | "INDEX_LOCKED"
  | "ENCODER_MISMATCH"
  | "MODEL_MISSING"
  | "MODEL_INVALID"
  | "MODEL_FAILED"
  | "FEATURE_UNAVAILABLE"
  | "STORAGE_FAILED"
  | "OVERLOADED"
  | "DEADLINE_EXCEEDED"
  | "ACCESS_DENIED"
  | "UPSTREAM_FAILED";

/** Facts of an error that programs may read: where it happened, what was expected, what came. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean>>;

/**
 * Root of every error thrown on purpose. `code` and `facts` are stable; `message` is one line for
 * people: what was expected, what came, where, and the way out. The cause is kept in `cause`.
 */
export abstract class SearchError extends Error {
  abstract readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(message: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.facts = facts;
  }
}

/** A value from outside (argument, file line, request body) is not what was asked for. */
export class InputError extends SearchError {
  readonly code = "INPUT_INVALID";
}
/** A collection, document, model or file that was named does not exist. */
export class NotFoundError extends SearchError {
  readonly code = "NOT_FOUND";
}
/** Something of that name is already there and would be lost. */
export class AlreadyExistsError extends SearchError {
  readonly code = "ALREADY_EXISTS";
}
/** Bytes on disk do not match their checksum, length or structure. */
export class CorruptIndexError extends SearchError {
  readonly code = "INDEX_CORRUPT";
}
/** The files were written by another version of the format. */
export class IndexVersionError extends SearchError {
  readonly code = "INDEX_VERSION";
}
/** Another process holds the collection for writing. */
export class LockedError extends SearchError {
  readonly code = "INDEX_LOCKED";
}
/** The encoder at hand is not the one the collection's vectors were made with. */
export class EncoderMismatchError extends SearchError {
  readonly code = "ENCODER_MISMATCH";
}
/** No model of that name or folder. */
export class ModelMissingError extends SearchError {
  readonly code = "MODEL_MISSING";
}
/** A model folder is incomplete, contradictory, unsupported or damaged. */
export class InvalidModelError extends SearchError {
  readonly code = "MODEL_INVALID";
}
/** A model was loaded but failed while it ran. */
export class ModelFailedError extends SearchError {
  readonly code = "MODEL_FAILED";
}
/** An optional native part is not installed or this platform cannot run it. */
export class FeatureUnavailableError extends SearchError {
  readonly code = "FEATURE_UNAVAILABLE";
}
/** The file system refused: full disk, permissions, I/O error. */
export class StorageError extends SearchError {
  readonly code = "STORAGE_FAILED";
}
/** A bounded queue is full; try again later. */
export class OverloadedError extends SearchError {
  readonly code = "OVERLOADED";
}
/** The caller's deadline passed before the work was done. */
export class DeadlineError extends SearchError {
  readonly code = "DEADLINE_EXCEEDED";
}
/** A key is needed, not known, or does not allow what was asked for. */
export class AccessError extends SearchError {
  readonly code = "ACCESS_DENIED";
}
/** A service that we depend on over the network failed or answered nonsense. */
export class UpstreamError extends SearchError {
  readonly code = "UPSTREAM_FAILED";
}
