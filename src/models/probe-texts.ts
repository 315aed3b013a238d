const paragraph =
  "The index keeps postings in blocks; each block knows its largest impact, so that a query can " +
  "pass over what cannot reach the top. ";

/** Texts that encoders have stumbled over: nothing, blanks, too much, other scripts, odd characters. */
export const probeTexts: readonly string[] = [
  "How does a hybrid search engine rank documents?",
  "",
  " ",
  "\t\n \n",
  "a",
  "Vitamin D deficiency and the risk of bone fractures in older adults",
  "boundary layer separation on a swept wing at supersonic speed",
  "SELECT name FROM users WHERE id = 7; -- comment",
  "const x = (a, b) => a ?? b;",
  "https://example.org/a?b=c&d=%20#top",
  "3.14159 -42 1e-9 0x7f ½ ²",
  "café naïve Ångström ﬁligature ＦＵＬＬ",
  "Привет, мир! Γειά σου",
  "検索エンジンの仕組み",
  "검색 엔진 搜索引擎",
  "שלום مرحبا नमस्ते สวัสดี",
  "🚀🔥 👩‍👩‍👧‍👦 ❤️",
  "zero\u200bwidth soft\u00adhyphen no\u00a0break",
  "bell\u0007 null\u0000 delete\u007f",
  "lone surrogate \ud83d here",
  "<s> </s> [CLS] [SEP] [PAD] <unk> <extra_id_0>",
  "antidisestablishmentarianism".repeat(12),
  paragraph,
  paragraph.repeat(80),
];

export const probePairs: readonly (readonly [string, string])[] = [
  ["what is BM25", "BM25 is a ranking function that search engines use."],
  ["what is BM25", "Bananas ripen faster in a paper bag."],
  ["", ""],
  ["a query alone", ""],
  ["", "a document alone"],
  ["long document", paragraph.repeat(80)],
  [paragraph.repeat(80), "long query"],
  [paragraph.repeat(80), paragraph.repeat(80)],
  ["検索 🚀", "Привет [SEP] </s>"],
];
