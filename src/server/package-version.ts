import { readFileSync } from "node:fs";

/** Version in package.json; src/server/ and dist/server/ both lie two levels below it. */
export function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
