import { InputError } from "../errors.js";
import type { QueryParameter } from "./operation.js";

export type QueryValue = string | number | boolean | readonly string[];

/**
 * Reads a query string by the parameters that a call has. What the values mean is checked by the
 * schema of the request that is made from them.
 *
 * @throws {InputError} a parameter that the call does not have, one given twice, one that is
 *   needed and missing, or text that is not of the parameter's kind
 */
export function readQueryString(
  url: string,
  parameters: Readonly<Record<string, QueryParameter>>,
): Record<string, QueryValue> {
  const values: Record<string, QueryValue> = {};
  const from = url.indexOf("?");
  if (from >= 0) {
    for (const [name, text] of new URLSearchParams(url.slice(from + 1))) {
      const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      if (parameter === undefined) throw unknownParameter(name, parameters);
      if (Object.hasOwn(values, name)) {
        throw new InputError(`expected query parameter ${name} once, got it again`, {
          field: name,
        });
      }
      const { maxLength } = parameter.schema ?? {};
      if (typeof maxLength === "number" && [...text].length > maxLength) {
        throw wrongValue(name, `at most ${maxLength} characters`, text);
      }
      values[name] = parsedValue(name, text, parameter);
    }
  }
  for (const [name, { required }] of Object.entries(parameters)) {
    if (required === true && !Object.hasOwn(values, name)) {
      throw new InputError(`expected a query parameter ${name}, got none`, { field: name });
    }
  }
  return values;
}

function parsedValue(name: string, text: string, { kind }: QueryParameter): QueryValue {
  switch (kind) {
    case "text":
      return text;
    case "integer":
      if (!/^-?\d{1,15}$/.test(text)) throw wrongValue(name, "a whole number", text);
      return Number(text);
    case "boolean":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw wrongValue(name, "true or false", text);
    case "list":
      return text.split(",").map((item) => item.trim());
    default:
      return kind satisfies never;
  }
}

function unknownParameter(
  name: string,
  parameters: Readonly<Record<string, QueryParameter>>,
): InputError {
  const known = Object.keys(parameters);
  return new InputError(
    `query parameter ${JSON.stringify(name.slice(0, 80))} is not known here` +
      (known.length === 0 ? ": this call takes none" : ` (there are ${known.join(", ")})`),
    { field: name.slice(0, 80) },
  );
}

function wrongValue(name: string, expected: string, got: string): InputError {
  return new InputError(
    `query parameter ${name}: expected ${expected}, got ${JSON.stringify(got.slice(0, 80))}`,
    { field: name },
  );
}
