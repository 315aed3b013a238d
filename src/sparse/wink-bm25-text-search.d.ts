/** The part of wink-bm25-text-search that `wink-engine.ts` calls; the package has no types. */
declare module "wink-bm25-text-search" {
  interface WinkBm25 {
    defineConfig(config: {
      readonly fldWeights: Readonly<Record<string, number>>;
      readonly bm25Params: { readonly k1: number; readonly b: number; readonly k: number };
    }): boolean;
    definePrepTasks(tasks: readonly ((input: string) => unknown)[], field?: string): number;
    addDoc(document: Readonly<Record<string, string>>, id: string): number;
    consolidate(precision?: number): boolean;
    search(text: string, limit?: number): [id: string, score: number][];
  }
  export default function create(): WinkBm25;
}
