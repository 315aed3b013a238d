import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tokenattributes.OffsetAttribute;
import org.apache.lucene.analysis.tokenattributes.PositionIncrementAttribute;
import org.apache.lucene.util.Version;

/**
 * Writes the tokens that Lucene's analyzers find in each line of a text file, as test/golden/analysis
 * has them. With the jars lucene-core and lucene-analysis-common of 9.12.1 in $JARS:
 *
 *   java -cp "$JARS/*" scripts/goldens/lucene-tokens/LuceneTokens.java \
 *     test/golden/analysis/texts.txt > test/golden/analysis/lucene-tokens.json
 */
public final class LuceneTokens {
  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    Analyzer english = new EnglishAnalyzer();
    Analyzer standard = new StandardAnalyzer();
    out.printf("{\"tool\":\"Apache Lucene %s\",\"texts\":[", Version.LATEST);
    String separator = "";
    for (String text : Files.readAllLines(Path.of(arguments[0]))) {
      out.printf("%s%n{\"text\":%s,%n\"english@1\":%s,%n\"standard@1\":%s}",
          separator, quote(text), tokens(english, text), tokens(standard, text));
      separator = ",";
    }
    out.printf("]}%n");
    out.flush();
  }

  /** [[term, position, start, end], …] */
  private static String tokens(Analyzer analyzer, String text) throws IOException {
    StringBuilder list = new StringBuilder("[");
    try (TokenStream stream = analyzer.tokenStream("text", text)) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      PositionIncrementAttribute increment = stream.addAttribute(PositionIncrementAttribute.class);
      OffsetAttribute offset = stream.addAttribute(OffsetAttribute.class);
      int position = -1;
      stream.reset();
      while (stream.incrementToken()) {
        position += increment.getPositionIncrement();
        if (list.length() > 1) list.append(',');
        list.append('[').append(quote(term.toString())).append(',').append(position).append(',')
            .append(offset.startOffset()).append(',').append(offset.endOffset()).append(']');
      }
      stream.end();
    }
    return list.append(']').toString();
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char unit : text.toCharArray()) {
      if (unit == '"' || unit == '\\') quoted.append('\\').append(unit);
      else if (unit < 0x20 || unit > 0x7e) quoted.append(String.format("\\u%04x", (int) unit));
      else quoted.append(unit);
    }
    return quoted.append('"').toString();
  }
}
