import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { type CommonOptions, reportFailure, SilentFailure } from "./output.js";

/** Commander has checked that required options and arguments are there; each command types its own. */
// biome-ignore lint/suspicious/noExplicitAny: options differ per command and are parsed by commander
type Action = (options: any, ...args: string[]) => Promise<unknown>;

function version(): string {
  const packageFile = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}

/** Adds the options that every command has, and connects it with the module that runs it. */
function command(
  program: Command,
  usage: string,
  description: string,
  load: () => Promise<Action>,
): Command {
  return program
    .command(usage)
    .description(description)
    .option("--json", "one JSON document (or JSON Lines) on stdout, nothing else")
    .option("--quiet", "no messages on stderr")
    .option("--debug", "show the stack of a failure")
    .option("--home <dir>", "folder of the collections (BRAID_HOME, else ./indexes)")
    .action(async (...received: unknown[]) => {
      const options = received.at(-2) as CommonOptions;
      const args = received.slice(0, -2).flat() as string[];
      const run = await load();
      await run(options, ...args.filter((argument) => argument !== undefined));
    });
}

const modeOption = (): Option =>
  new Option("--mode <mode>", "which legs answer").choices(["sparse", "dense", "hybrid"]);
/** An option that may be given several times. */
const repeated = (value: string, earlier: readonly string[] | undefined): string[] => [
  ...(earlier ?? []),
  value,
];
const bm25Options = (to: Command): Command =>
  to
    .option("--k1 <number>", "BM25 term frequency saturation")
    .option("--b <number>", "BM25 length normalisation");

/** Each may also come from the environment or a file: `braid config` shows from where. */
const serviceOptions = (to: Command): Command =>
  to
    .option("--config <file>", "settings as YAML (BRAID_CONFIG, else braid.yaml if it is there)")
    .option("--port <n>", "port to listen on; 0 takes a free one (default 7700)")
    .option("--host <host>", "address to listen on (default 127.0.0.1)")
    .option("--api-key-file <file>", "ask for keys; `braid key` makes them")
    .option("--insecure", "serve other machines without keys")
    .option("--log <which>", "requests to log as JSON lines on stderr: off, errors (default), all")
    .option("--deadline-ms <n>", "most milliseconds of a search (default 30000)")
    .option("--rate-limit <n>", "most requests a second of one key (default: any)");

function buildProgram(): Command {
  const program = new Command("braid")
    .description("Hybrid sparse-dense search: index, search, explain, evaluate.")
    .version(version())
    .showHelpAfterError("(braid --help lists the commands, braid <command> --help its options)")
    .exitOverride();

  bm25Options(
    command(
      program,
      "index <source>",
      "build or extend a collection from a BEIR folder, JSONL, CSV/TSV, TREC file, .gz or - (stdin)",
      async () => (await import("./commands/index-command.js")).indexCommand,
    ),
  )
    .requiredOption("--name <collection>", "collection to build")
    .option("--encoder <model>", "a model's name or folder, or none (default braid-mini)")
    .addOption(
      new Option("--format <format>", "format of the source")
        .choices(["auto", "beir", "jsonl", "csv", "tsv", "trec"])
        .default("auto"),
    )
    .option("--append", "add to the collection instead of building it anew")
    .option("--skip-bad", "leave out documents that cannot be read, and list them")
    .option("--analyzer <id>", "how text becomes terms (default english@1)")
    .option("--title-boost <number>", "weight of title terms (default 1)")
    .option("--text-boost <number>", "weight of text terms (default 1)")
    .option("--positions", "store term positions (faster phrases, larger index)")
    .addOption(
      new Option("--dense-index <kind>", "how vectors are searched (default auto)").choices([
        "auto",
        "exact",
        "hnsw",
      ]),
    )
    .option(
      "--vectors <file>",
      "ready vectors by --encoder: .npy (row i: document i) or .jsonl by id",
    )
    .option("--passages <words>", "a vector for each passage of so many words; the best one counts")
    .option("--passage-overlap <words>", "words two passages share (default a quarter)");

  bm25Options(
    command(
      program,
      "search <collection> [query...]",
      "answer one query, or a file of topics as a TREC run",
      async () => (await import("./commands/search-command.js")).searchCommand,
    ),
  )
    .addOption(modeOption())
    .option("--limit <n>", "hits to return (default 10; 1000 with --topics)")
    .option("--offset <n>", "hits to skip")
    .option("--depth <n>", "candidates per leg (default 1000)")
    .option("--fusion <fusion>", 'e.g. "rrf(k=60)" or "weighted(dense=0.5,norm=max)"')
    .option("--feedback <n>", "ask again with what the n best hits of each leg add to the query")
    .option("--feedback-terms <n>", "terms that feedback adds (default 20)")
    .option("--feedback-weight <w>", "of the query beside what feedback adds (default 0.7)")
    .option("--rerank <model>", "rerank the top with this cross-encoder, or late-interaction")
    .option("--rerank-depth <n>", "how many of the best candidates are reranked (default 50)")
    .option("--rerank-weight <w>", "1: the reranker decides; less: mixed with the first stage")
    .option("--budget-ms <ms>", "stop reranking after this long with the best order so far")
    .option("--filter <filter>", 'e.g. "year >= 2020 and package in (express, zod)", or JSON')
    .option("--facets <fields>", "comma-separated metadata fields to count")
    .option("--explain", "say why each hit has its score")
    .option("--highlight", "mark the query's terms in the best passage")
    .option("--encoder <model>", "where the collection's encoder is, if not among the models")
    .option("--salvage", "read what is whole of a damaged collection")
    .option("--topics <file>", "search every query of this file")
    .option("--run <file>", "with --topics: write a TREC run here")
    .option("--tag <tag>", "with --run: the run's name");

  bm25Options(
    command(
      program,
      "eval <collection>",
      "measure sparse, dense and hybrid against relevance judgements",
      async () => (await import("./commands/eval-command.js")).evalCommand,
    ),
  )
    .option("--dataset <dir>", "BEIR folder with queries.jsonl and qrels/")
    .option("--split <name>", "qrels/<split>.tsv of the dataset", "test")
    .option("--topics <file>", "queries: BEIR jsonl, TSV or TREC topics")
    .option("--qrels <file>", "judgements: BEIR TSV or TREC qrels")
    .option("--systems <list>", "comma-separated: sparse,dense,hybrid")
    .option("--slot <slot>", "use the vectors of this slot (braid encoders list), active or not")
    .option("--measures <list>", "comma-separated ir-measures names")
    .option("--fusion <fusion>", "fusion of the hybrid system")
    .option("--feedback <n>", "ask again with what the n best hits of each leg add to the query")
    .option("--feedback-terms <n>", "terms that feedback adds (default 20)")
    .option("--feedback-weight <w>", "of the query beside what feedback adds (default 0.7)")
    .option("--rerank <model>", "rerank the top with this cross-encoder, or late-interaction")
    .option("--rerank-depth <n>", "how many of the best candidates are reranked (default 50)")
    .option("--rerank-weight <w>", "1: the reranker decides; less: mixed with the first stage")
    .option("--budget-ms <ms>", "stop reranking after this long with the best order so far")
    .option("--depth <n>", "candidates per leg (default 1000)")
    .option("--encoder <model>", "where the collection's encoder is, if not among the models")
    .option("--runs <dir>", "write <system>.trec here")
    .option("--per-query", "with --json: the value of every query")
    .option("--baseline <run>", "TREC run, or folder of <system>.trec, that gates compare with")
    .option(
      "--fail-if <gates>",
      'exit 1 if e.g. "nDCG@10 drop > 0.01 p < 0.05"; repeatable',
      repeated,
    )
    .option("--keep-identical", "keep a document whose id equals the query's id");

  command(
    program,
    "compare [collection...]",
    "write a report that compares sparse, dense and hybrid search, several collections, or run files",
    async () => (await import("./commands/compare-command.js")).compareCommand,
  )
    .requiredOption(
      "--out <dir>",
      "folder for report.html, report.md, report.json, report.tex, runs/",
    )
    .option("--dataset <[name=]dir>", "BEIR folder; repeat it for several data sets", repeated)
    .option("--split <name>", "qrels/<split>.tsv of the data sets", "test")
    .option("--topics <file>", "queries: BEIR jsonl, TSV or TREC topics")
    .option("--qrels <file>", "judgements: BEIR TSV or TREC qrels")
    .option("--runs <file...>", "TREC runs, ours or not, to compare (also beside collections)")
    .option("--corpus <source>", "with --runs: documents for worked examples and query features")
    .option(
      "--pair <first,second>",
      "systems to set against each other in detail; repeatable",
      repeated,
    )
    .option("--measures <list>", "comma-separated ir-measures names; the first one decides")
    .option("--fusion <fusion>", "fusion of a hybrid system; repeatable", repeated)
    .option("--rerank <model>", "also compare reranked hits: a cross-encoder, or late-interaction")
    .option("--rerank-depth <n>", "how many of the best candidates are reranked (default 50)")
    .option("--depth <n>", "candidates per leg (default 1000)")
    .option("--margin <number>", "differences this small are no difference (default 0.02)")
    .option("--level <number>", "level of the tests (default 0.05)")
    .option("--seed <n>", "seed of tests and intervals (default 42)")
    .option("--examples <n>", "worked examples each way (default 10)")
    .option("--keep-identical", "keep a document whose id equals the query's id");
  command(
    program,
    "experiment <plan>",
    "run a plan (YAML) of first stages x fusions x rerankers x depths, and report on it",
    async () => (await import("./commands/experiment-command.js")).experimentCommand,
  )
    .requiredOption("--out <dir>", "folder for results.jsonl, results.csv and report.html")
    .option("--check", "only check the plan");

  command(
    program,
    "reproduce [name]",
    "list published figures, or run one here and say whether it is reached",
    async () => (await import("./commands/reproduce-command.js")).reproduceCommand,
  )
    .option("--dataset <dir>", "BEIR folder to use instead of the fetched one")
    .option("--datasets <dir>", "folder of data sets (BRAID_DATASETS, else ./datasets)")
    .option("--model <model>", "name or folder of a model to use instead of the fetched one");

  const datasets = program
    .command("datasets")
    .description("fetch judged data sets and bring them into the BEIR layout")
    .showHelpAfterError();
  const datasetsFolder = "folder of data sets (BRAID_DATASETS, else ./datasets)";
  command(
    datasets,
    "list",
    "data sets that add knows, and those that are here",
    async () => (await import("./commands/datasets-command.js")).listDatasetsCommand,
  ).option("--to <dir>", datasetsFolder);
  command(
    datasets,
    "add <source>",
    "fetch beir/<name>, or make a data set from a corpus, topics and qrels",
    async () => (await import("./commands/datasets-command.js")).addDatasetCommand,
  )
    .option("--to <dir>", datasetsFolder)
    .option("--address <url>", "where the archive is, {name} for the name (BRAID_BEIR_ADDRESS)")
    .option("--checksum <checksum>", "of the archive: md5:HEX, sha256:HEX or none")
    .option("--corpus <source>", "documents: file, folder or address")
    .addOption(
      new Option("--corpus-format <format>", "format of the documents")
        .choices(["auto", "beir", "jsonl", "csv", "tsv", "trec", "msmarco"])
        .default("auto"),
    )
    .option("--topics <file>", "queries: BEIR jsonl, TSV or TREC topics, file or address")
    .addOption(
      new Option("--topic-field <field>", "part of a TREC topic that is the query")
        .choices(["title", "description", "narrative"])
        .default("title"),
    )
    .option("--qrels <file>", "judgements: BEIR TSV or TREC qrels, file or address")
    .option("--split <name>", "what to call the judgements", "test");

  command(
    program,
    "list",
    "list the collections",
    async () => (await import("./commands/collection-commands.js")).listCommand,
  );
  command(
    program,
    "stats <collection>",
    "size, settings and health of a collection",
    async () => (await import("./commands/collection-commands.js")).statsCommand,
  ).option("--salvage", "read what is whole of a damaged collection");
  command(
    program,
    "verify <collection>",
    "read every checksum and cross-check both legs against the documents",
    async () => (await import("./commands/collection-commands.js")).verifyCommand,
  ).option("--salvage", "read what is whole of a damaged collection");
  command(
    program,
    "compact <collection>",
    "merge all segments into one and drop deleted documents",
    async () => (await import("./commands/collection-commands.js")).compactCommand,
  );
  command(
    program,
    "delete <collection> <id...>",
    "delete documents by id",
    async () => (await import("./commands/collection-commands.js")).deleteCommand,
  );
  command(
    program,
    "export <collection>",
    "write every document as JSON Lines",
    async () => (await import("./commands/collection-commands.js")).exportCommand,
  )
    .option("--out <file>", "file to write instead of stdout")
    .option("--salvage", "read what is whole of a damaged collection");
  command(
    program,
    "drop <collection>",
    "delete a collection and its files",
    async () => (await import("./commands/collection-commands.js")).dropCommand,
  );
  command(
    program,
    "explain <collection> <id> [query...]",
    "why a document has its rank for a query, or why it is not there",
    async () => (await import("./commands/explain-command.js")).explainCommand,
  )
    .addOption(modeOption())
    .option("--depth <n>", "candidates per leg (default 1000)")
    .option("--fusion <fusion>", 'e.g. "rrf(k=60)" or "weighted(dense=0.5,norm=max)"')
    .option("--feedback <n>", "ask again with what the n best hits of each leg add to the query")
    .option("--feedback-terms <n>", "terms that feedback adds (default 20)")
    .option("--feedback-weight <w>", "of the query beside what feedback adds (default 0.7)")
    .option("--rerank <model>", "rerank the top with this cross-encoder, or late-interaction")
    .option("--rerank-depth <n>", "how many of the best candidates are reranked (default 50)")
    .option("--rerank-weight <w>", "1: the reranker decides; less: mixed with the first stage")
    .option("--budget-ms <ms>", "stop reranking after this long with the best order so far")
    .option("--filter <filter>", "filter of the search")
    .option("--encoder <model>", "where the collection's encoder is, if not among the models");
  command(
    program,
    "fuse <run...>",
    "fuse TREC runs, ours or not, into one",
    async () => (await import("./commands/run-commands.js")).fuseCommand,
  )
    .option("--fusion <fusion>", "how to fuse", "rrf(k=60)")
    .option("--weights <list>", "comma-separated weights, one per run")
    .option("--depth <n>", "hits per query to write", "1000")
    .option("--out <file>", "file to write instead of stdout")
    .option("--tag <tag>", "the run's name");
  command(
    program,
    "score <qrels> <run...>",
    "measure TREC runs, ours or not",
    async () => (await import("./commands/run-commands.js")).scoreCommand,
  )
    .option("--measures <list>", "comma-separated ir-measures names")
    .option("--per-query", "the value of every query");
  serviceOptions(
    command(
      program,
      "serve",
      "serve REST and the web page over all collections",
      async () => (await import("./commands/serve-command.js")).serveCommand,
    ),
  );
  serviceOptions(
    command(
      program,
      "config",
      "the settings that serve would run with, and where each comes from",
      async () => (await import("./commands/config-command.js")).configCommand,
    ),
  );
  command(
    program,
    "key",
    "make a key for the service and the line of the key file that lets it in",
    async () => (await import("./commands/key-command.js")).keyCommand,
  )
    .requiredOption("--name <name>", "who the key is for")
    .addOption(
      new Option("--scope <scope>", "what it may do")
        .choices(["read", "write", "admin"])
        .default("read"),
    );
  command(
    program,
    "tune <collection>",
    "learn the fusion weight from judged queries; saved only if it is better for certain",
    async () => (await import("./commands/tune-command.js")).tuneCommand,
  )
    .option("--dataset <dir>", "BEIR folder with queries.jsonl and qrels/")
    .option("--split <name>", "qrels/<split>.tsv of the dataset", "train")
    .option("--topics <file>", "queries: BEIR jsonl, TSV or TREC topics")
    .option("--qrels <file>", "judgements: BEIR TSV or TREC qrels")
    .option("--measure <measure>", "what to tune for (default nDCG@10)")
    .option("--normalizations <list>", "comma-separated normalisations to choose from")
    .option("--depth <n>", "candidates per leg (default 1000)")
    .option("--dry-run", "say what would be saved, save nothing")
    .option("--rerank <model>", "find out whether this reranker helps, and from which depth")
    .option("--reset", "forget what was saved")
    .option("--keep-identical", "keep a document whose id equals the query's id");

  const models = program
    .command("models")
    .description("bring models in, list, quantise and verify them")
    .showHelpAfterError();
  const modelsCommand = (
    usage: string,
    description: string,
    load: () => Promise<Action>,
  ): Command =>
    command(models, usage, description, load).option(
      "--models <dir>",
      "folder of models (BRAID_MODELS, else ./models)",
    );
  modelsCommand(
    "list",
    "models that are here, and short names that add knows",
    async () => (await import("./commands/models-command.js")).listModels,
  );
  const importOptions = (to: Command): Command =>
    to
      .option("--name <name>", "what to call it here")
      .option("--revision <revision>", "branch, tag or commit on the hub")
      .option("--overwrite", "replace a model of that name")
      .option("--no-verify", "do not try the model out");
  importOptions(
    modelsCommand(
      "add <source>",
      "import a folder, an ONNX file, a hub id or a short name; writes the ONNX model itself",
      async () => (await import("./commands/models-command.js")).addCommand,
    ),
  )
    .addOption(
      new Option("--format <format>", "number format of the weights (default fp32)").choices([
        "fp32",
        "fp16",
        "int8",
      ]),
    )
    .addOption(
      new Option("--pooling <pooling>", "where the folder does not say").choices([
        "mean",
        "cls",
        "max",
        "last",
      ]),
    )
    .addOption(
      new Option("--similarity <similarity>", "where the folder does not say").choices([
        "cosine",
        "dot",
      ]),
    );
  importOptions(
    modelsCommand(
      "quantize <model>",
      "import a model again from its source in int8, and state the loss",
      async () => (await import("./commands/models-command.js")).quantizeCommand,
    ),
  ).option("--from <source>", "folder or hub id of the weights (default: where they came from)");
  modelsCommand(
    "show <model>",
    "what a model is and where it came from",
    async () => (await import("./commands/models-command.js")).showModel,
  );
  modelsCommand(
    "verify <model>",
    "check files, probe texts and reference vectors",
    async () => (await import("./commands/models-command.js")).verifyCommand,
  ).option("--against <model>", "the same model in fp32, to state the loss of quantisation");
  const encoders = program
    .command("encoders")
    .description("a second encoder's vectors beside the first: build, switch, drop")
    .showHelpAfterError();
  command(
    encoders,
    "list <collection>",
    "slots of vectors, their encoders, and which one searches use",
    async () => (await import("./commands/encoders-command.js")).listEncoders,
  );
  command(
    encoders,
    "build <collection> <model>",
    "make vectors of all documents with another encoder, while searches go on",
    async () => (await import("./commands/encoders-command.js")).buildEncoder,
  ).option("--slot <name>", "what to call the slot (default: the model's name)");
  command(
    encoders,
    "switch <collection> <slot>",
    "let searches use the vectors of another slot",
    async () => (await import("./commands/encoders-command.js")).switchEncoder,
  );
  command(
    encoders,
    "drop <collection> <slot>",
    "remove the vectors of a slot that searches do not use",
    async () => (await import("./commands/encoders-command.js")).dropEncoder,
  );
  command(
    program,
    "sample",
    "index the documentation of the installed packages and search it in all modes",
    async () => (await import("./commands/sample-command.js")).sampleCommand,
  );
  command(
    program,
    "doctor",
    "check this installation: Node, native parts, models, folders",
    async () => (await import("./commands/doctor-command.js")).doctorCommand,
  );
  return program;
}

/**
 * Runs the command line.
 *
 * @param argv arguments after `braid`
 * @returns exit status: 0 done, 1 failed, 2 wrong use
 */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await buildProgram().parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof SilentFailure) return 1;
    return reportFailure(error, argv.includes("--debug"));
  }
}
