import java.io.BufferedReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.MMapDirectory;

/**
 * LuceneBench index FOLDER INDEX [positions]  one thread, one segment
 * LuceneBench search FOLDER INDEX rounds      best round's queries per CPU second
 * LuceneBench run FOLDER INDEX depth          hits of the queries in queries.txt, one line each:
 *                                             document, its score's float32 bits, document, …
 *
 * FOLDER holds corpus.txt, topic.txt, hard.txt, one document or query a line, words between spaces.
 * One JSON object a line on standard output.
 */
public final class LuceneBench {
  public static void main(String[] args) throws Exception {
    if (args[0].equals("index")) index(Path.of(args[1]), Path.of(args[2]), args.length > 3);
    else if (args[0].equals("run")) run(Path.of(args[1]), Path.of(args[2]), Integer.parseInt(args[3]));
    else search(Path.of(args[1]), Path.of(args[2]), Integer.parseInt(args[3]));
  }

  /** CPU time of the whole process: the collector's and the compiler's threads count too. */
  private static double cpuSeconds() {
    var system =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }

  /** Greatest resident set so far, as Linux counts it. */
  private static double peakMb() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) return Double.parseDouble(line.replaceAll("\\D", "")) / 1000;
    }
    return 0;
  }

  private static void index(Path folder, Path target, boolean positions) throws Exception {
    IndexWriterConfig config = new IndexWriterConfig(new WhitespaceAnalyzer());
    config.setOpenMode(IndexWriterConfig.OpenMode.CREATE);
    config.setSimilarity(new BM25Similarity(1.2f, 0.75f));
    config.setMergeScheduler(new SerialMergeScheduler());
    config.setRAMBufferSizeMB(256);
    FieldType type = new FieldType();
    type.setTokenized(true);
    type.setIndexOptions(
        positions ? IndexOptions.DOCS_AND_FREQS_AND_POSITIONS : IndexOptions.DOCS_AND_FREQS);
    type.freeze();
    double start = cpuSeconds();
    int count = 0;
    try (IndexWriter writer = new IndexWriter(new MMapDirectory(target), config);
        BufferedReader lines = Files.newBufferedReader(folder.resolve("corpus.txt"))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        Document document = new Document();
        document.add(new Field("text", line, type));
        writer.addDocument(document);
        count++;
      }
      writer.forceMerge(1);
    }
    double seconds = cpuSeconds() - start;
    long bytes = 0;
    try (var files = Files.list(target)) {
      for (Path file : files.toList()) bytes += Files.size(file);
    }
    System.out.printf(
        "{\"engine\":\"lucene\",\"documents\":%d,\"positions\":%b,\"indexCpuSeconds\":%.2f,\"diskBytes\":%d,\"peakMb\":%.0f}%n",
        count, positions, seconds, bytes, peakMb());
  }

  private static void search(Path folder, Path target, int rounds) throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(new MMapDirectory(target))) {
      IndexSearcher searcher = new IndexSearcher(reader);
      searcher.setSimilarity(new BM25Similarity(1.2f, 0.75f));
      searcher.setQueryCache(null);
      for (String set : List.of("topic", "hard")) {
        List<Query> queries = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve(set + ".txt"))) {
          queries.add(parse(line));
        }
        for (int depth : new int[] {10, 100, 1000}) {
          double best = 0;
          double[] milliseconds = new double[queries.size()];
          double[] bestMilliseconds = milliseconds;
          for (int round = 0; round < rounds; round++) {
            double start = cpuSeconds();
            for (int i = 0; i < queries.size(); i++) {
              long before = System.nanoTime();
              searcher.search(queries.get(i), depth);
              milliseconds[i] = (System.nanoTime() - before) / 1e6;
            }
            double qps = queries.size() / (cpuSeconds() - start);
            if (qps > best) {
              best = qps;
              bestMilliseconds = milliseconds.clone();
            }
          }
          milliseconds = bestMilliseconds;
          Arrays.sort(milliseconds);
          System.out.printf(
              "{\"engine\":\"lucene\",\"queries\":\"%s\",\"depth\":%d,\"qps\":%.1f,\"p50Ms\":%.3f,\"p95Ms\":%.3f,\"p99Ms\":%.3f}%n",
              set, depth, best, at(milliseconds, 0.5), at(milliseconds, 0.95), at(milliseconds, 0.99));
        }
      }
    }
  }

  private static void run(Path folder, Path target, int depth) throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(new MMapDirectory(target))) {
      IndexSearcher searcher = new IndexSearcher(reader);
      searcher.setSimilarity(new BM25Similarity(1.2f, 0.75f));
      for (String line : Files.readAllLines(folder.resolve("queries.txt"))) {
        StringBuilder out = new StringBuilder();
        for (ScoreDoc hit : searcher.search(parse(line), depth).scoreDocs) {
          out.append(hit.doc).append(' ').append(Float.floatToIntBits(hit.score)).append(' ');
        }
        System.out.println(out.toString().trim());
      }
    }
  }

  private static Query parse(String line) {
    BooleanQuery.Builder builder = new BooleanQuery.Builder();
    java.util.Map<String, Integer> counts = new java.util.LinkedHashMap<>();
    for (String word : line.split(" ")) counts.merge(word, 1, Integer::sum);
    counts.forEach(
        (word, count) -> {
          Query term = new TermQuery(new Term("text", word));
          builder.add(count == 1 ? term : new BoostQuery(term, count), BooleanClause.Occur.SHOULD);
        });
    return builder.build();
  }

  private static double at(double[] sorted, double share) {
    return sorted[Math.min(sorted.length - 1, (int) (share * sorted.length))];
  }
}
