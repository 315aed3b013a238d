import { z } from "zod";
import { InputError } from "../errors.js";
import type { Filter } from "./filter.js";
import { parseFilter } from "./parse-filter.js";

/**
 * A filter in a request, in its JSON form or as text, parsed to a `Filter`. Issues carry the path
 * of the part that is wrong in their message.
 */
export const filterSchema: z.ZodType<Filter, unknown> = z
  .union([z.record(z.string(), z.unknown()), z.string()])
  .transform((value, context): Filter => {
    try {
      return parseFilter(value);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
