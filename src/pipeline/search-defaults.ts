import { z } from "zod";
import type { JsonValue } from "../corpus/document.js";
import { defaultFusion, type Fusion, fusionSchema } from "../fusion/fusion.js";

/** What tuning saves in a collection, and searches that say nothing else follow. */
export interface SearchDefaults {
  readonly fusion?: Fusion | undefined;
}

const searchDefaultsSchema: z.ZodType<SearchDefaults, unknown> = z.object({
  fusion: fusionSchema.optional(),
});

/** Fusion of a request that names none: what was saved in the collection, else the default. */
export function fusionOf(searchDefaults: JsonValue): Fusion {
  if (searchDefaults === null) return defaultFusion;
  const parsed = searchDefaultsSchema.safeParse(searchDefaults);
  return (parsed.success ? parsed.data.fusion : undefined) ?? defaultFusion;
}
