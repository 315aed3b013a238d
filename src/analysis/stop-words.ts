/** The stop words of Lucene's EnglishAnalyzer: 33, unchanged since Lucene 1. */
export const english: ReadonlySet<string> = new Set(
  (
    "a an and are as at be but by for if in into is it no not of on or such that the their then " +
    "there these they this to was will with"
  ).split(" "),
);
