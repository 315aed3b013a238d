import type { Checksum } from "./download-file.js";

/** A data set of the BEIR benchmark with the checksum that its publishers name. */
export interface KnownDataset {
  readonly name: string;
  readonly documentCount: string;
  readonly queryCount: number;
  readonly checksum: Checksum;
}

/** Where the BEIR archives are; `{name}` stands for the data set. */
export const beirAddress =
  "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets/{name}.zip";

const beir = (
  name: string,
  documentCount: string,
  queryCount: number,
  md5: string,
): KnownDataset => ({
  name,
  documentCount,
  queryCount,
  checksum: `md5:${md5}`,
});

/** The BEIR data sets that may be redistributed, smallest first (README of beir-cellar/beir). */
export const knownDatasets: readonly KnownDataset[] = [
  beir("nfcorpus", "3.6 k", 323, "a89dba18a62ef92f7d323ec890a0d38d"),
  beir("scifact", "5 k", 300, "5f7d1de60b170fc8027bb7898e2efca1"),
  beir("arguana", "8.7 k", 1406, "8ad3e3c2a5867cdced806d6503f29b99"),
  beir("scidocs", "25 k", 1000, "38121350fc3a4d2f48850f6aff52e4a9"),
  beir("fiqa", "57 k", 648, "17918ed23cd04fb15047f73e6c3bd9d9"),
  beir("trec-covid", "171 k", 50, "ce62140cb23feb9becf6270d0d1fe6d1"),
  beir("webis-touche2020", "382 k", 49, "46f650ba5a527fc69e0a6521c5a23563"),
  beir("cqadupstack", "457 k", 13145, "4e41456d7df8ee7760a7f866133bda78"),
  beir("quora", "523 k", 10000, "18fb154900ba42a600f84b839c173167"),
  beir("nq", "2.7 M", 3452, "d4d3d2e48787a744b6f6e691ff534307"),
  beir("dbpedia-entity", "4.6 M", 400, "c2a39eb420a3164af735795df012ac2c"),
  beir("hotpotqa", "5.2 M", 7405, "f412724f78b0d91183a0e86805e16114"),
  beir("fever", "5.4 M", 6666, "5a818580227bfb4b35bb6fa46d9b6c03"),
  beir("climate-fever", "5.4 M", 1535, "8b66f0a9126c521bae2bde127b4dc99d"),
  beir("msmarco", "8.8 M", 6980, "444067daf65d982533ea17ebd59501e4"),
];
