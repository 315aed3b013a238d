import assert from "node:assert/strict";

const voidElements = new Set(["meta", "br", "img", "link", "input", "hr"]);

/** Fails unless every tag of a page is closed in its turn; returns how often each element comes. */
export function checkStructure(page: string): Map<string, number> {
  const open: string[] = [];
  const counts = new Map<string, number>();
  const withoutStyle = page.replace(/<style>[\s\S]*?<\/style>/, "<style></style>");
  for (const [tag, closing, name = "", rest = ""] of withoutStyle.matchAll(
    /<(\/?)([a-zA-Z][\w-]*)((?:[^>"]|"[^"]*")*)>/g,
  )) {
    if (closing === "/") assert.equal(open.pop(), name, `unexpected ${tag}`);
    else {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (!rest.endsWith("/") && !voidElements.has(name)) open.push(name);
    }
  }
  assert.deepEqual(open, []);
  return counts;
}

/** Ids of a page, which must differ, and the places that its links and labels name. */
export function checkIds(page: string): void {
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map((match) => match[1] ?? "");
  assert.equal(new Set(ids).size, ids.length, "an id comes twice");
  const known = new Set(ids);
  const named = [...page.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)].flatMap((match) =>
    (match[1] ?? "").split(" "),
  );
  assert.ok(named.length > 0);
  for (const id of named) assert.ok(known.has(id), `nothing has the id ${id}`);
}
