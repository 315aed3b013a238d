import { collectionDirectory } from "../collection/collection-home.js";
import { type OpenOptions, SearchableCollection } from "../pipeline/searchable-collection.js";
import { homeDirectory } from "./options.js";
import { type CommonOptions, say } from "./output.js";

/** Options of commands that only read. */
export interface ReadOptions extends CommonOptions {
  /** Read what is whole of a damaged collection. */
  readonly salvage?: boolean;
  /** Where the collection's encoder is, if not among the models by its name. */
  readonly encoder?: string;
}

/** How a command that only reads opens its collection. */
export function readMode({ salvage = false, encoder }: ReadOptions): OpenOptions {
  return { mode: "read", salvage, ...(encoder === undefined ? {} : { encoder }) };
}

/** Opens a collection of the home folder, runs `work`, and closes it whatever happens. */
export async function withCollection<Result>(
  options: CommonOptions,
  name: string,
  openOptions: OpenOptions,
  work: (collection: SearchableCollection) => Promise<Result>,
): Promise<Result> {
  const directory = collectionDirectory(homeDirectory(options), name);
  const collection = await SearchableCollection.open(directory, openOptions);
  try {
    sayRecovery(options, collection);
    return await work(collection);
  } finally {
    await collection.close();
  }
}

/** Says what opening had to mend. */
export function sayRecovery(options: CommonOptions, { collection }: SearchableCollection): void {
  const { cutBytes, removedFiles, deadWriter, damages } = collection.recovery;
  if (deadWriter !== null) {
    say(options, `the writer before (process ${deadWriter.pid}) died; its lock was taken over`);
  }
  if (cutBytes > 0) {
    say(options, `cut ${cutBytes} bytes of a commit that was never acknowledged from the log`);
  }
  if (removedFiles.length > 0) {
    say(options, `removed ${removedFiles.length} files of an interrupted build or merge`);
  }
  for (const damage of damages) say(options, `damage: ${damage}`);
}
