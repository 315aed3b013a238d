import type { z } from "zod";

/** What a key may do; each scope includes those before it. */
export type Scope = "read" | "write" | "admin";

/** One parameter of a query string. */
export interface QueryParameter {
  readonly kind: "text" | "integer" | "boolean" | "list";
  readonly required?: boolean;
  readonly description: string;
  /** JSON Schema of the value, without its type where `kind` says it. */
  readonly schema?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly description: string;
  /** Absent: no content, or content that is not JSON. */
  readonly schema?: z.ZodType;
  /** Default `application/json` where there is a schema. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One call of the service as data: the routes, the checks before a handler runs, the 405 answers and
 * the OpenAPI document are all made from it, so that none of them can say something else.
 */
export interface Operation {
  readonly id: string;
  readonly method: "get" | "put" | "post" | "delete";
  /** As OpenAPI writes it: `/v1/collections/{collection}`. */
  readonly path: string;
  readonly tag: "collections" | "documents" | "search" | "operations";
  /** Null: open to everybody, also where keys are asked for. */
  readonly scope: Scope | null;
  readonly summary: string;
  readonly description?: string;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  readonly body?: {
    readonly required: boolean;
    /** Media type -> schema of the content. */
    readonly content: Readonly<Record<string, z.ZodType>>;
  };
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of problem answers besides those that every call can give. */
  readonly problems: readonly number[];
}
