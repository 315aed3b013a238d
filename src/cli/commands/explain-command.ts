import { explainDocument } from "../../pipeline/explain-document.js";
import { parseSearchRequest } from "../../pipeline/search-request.js";
import { printJson, printText, UsageError } from "../output.js";
import { type ReadOptions, readMode, withCollection } from "../session.js";
import { describeExplanation, type RequestOptions, requestOf } from "./search-command.js";

/** `braid explain <collection> <id> <query>`: why a document has its rank, or why it is not there. */
export async function explainCommand(
  options: ReadOptions & RequestOptions,
  name: string,
  id: string,
  ...words: string[]
): Promise<void> {
  const query = words.join(" ");
  if (query.trim() === "") throw new UsageError("a query is needed");
  const request = parseSearchRequest({ ...requestOf(options), query, explain: true });
  await withCollection(options, name, readMode(options), async (collection) => {
    const explained = await explainDocument(collection, request, id);
    if (options.json === true) {
      printJson(explained);
      return;
    }
    const { title, rank, score, shortfalls, explain } = explained;
    printText(
      [
        `${title || id}: ${rank === null ? "not found" : `rank ${rank}, score ${score?.toFixed(4)}`}`,
        ...shortfalls.map(({ stage, reason }) => `     fell at ${stage}: ${reason}`),
        ...describeExplanation(explain),
      ].join("\n"),
    );
  });
}
