import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { NotFoundError } from "../../errors.js";
import { type Evaluation, evaluateRun } from "../../evaluation/evaluate-run.js";
import { checkGate, type Gate, type GateResult } from "../../evaluation/gate.js";
import type { Measure } from "../../evaluation/measure.js";
import type { SystemEvaluation } from "../../experiments/evaluate-systems.js";
import { withoutIdenticalIds } from "../../run/identical-ids.js";
import type { Qrels } from "../../run/ranking.js";
import { readTrecRun } from "../../run/trec-run.js";
import { UsageError } from "../output.js";

/** A gate's outcome for one system. */
export interface SystemGateResult extends GateResult {
  readonly system: string;
}

/** The measures with those that gates ask for besides. */
export function withGateMeasures(measures: readonly Measure[], gates: readonly Gate[]): Measure[] {
  const all = [...measures];
  for (const { measure } of gates) {
    if (!all.some(({ name }) => name === measure.name)) all.push(measure);
  }
  return all;
}

/**
 * Checks gates on the systems of an evaluation. Without a baseline, or with a folder of baselines
 * (`<system>.trec`, as `--runs` writes them), on every system; with one run file on the system that
 * its tag names (`braid-sparse`), or on the only system there is.
 *
 * @throws {UsageError} it is open which system a run file is the baseline of
 * @throws {NotFoundError} no such file, or none for a system
 */
export async function checkGates(
  gates: readonly Gate[],
  baseline: string | undefined,
  evaluations: readonly SystemEvaluation[],
  qrels: Qrels,
  keepIdentical: boolean,
): Promise<SystemGateResult[]> {
  const measures = withGateMeasures([], gates);
  const read = async (file: string): Promise<{ tag: string; evaluation: Evaluation }> => {
    const { run, report } = await readTrecRun(file);
    const kept = keepIdentical ? run : withoutIdenticalIds(run);
    return { tag: report.tag, evaluation: evaluateRun(qrels, kept, measures) };
  };
  const results: SystemGateResult[] = [];
  const check = ({ name, evaluation }: SystemEvaluation, against?: Evaluation): void => {
    for (const gate of gates)
      results.push({ system: name, ...checkGate(gate, evaluation, against) });
  };
  if (baseline === undefined) {
    for (const system of evaluations) check(system);
  } else if (existsSync(baseline) && statSync(baseline).isDirectory()) {
    for (const system of evaluations) {
      const file = path.join(baseline, `${system.name}.trec`);
      if (!existsSync(file)) {
        throw new NotFoundError(
          `expected the baseline ${file} of system ${system.name}, found none`,
          {
            path: file,
          },
        );
      }
      check(system, (await read(file)).evaluation);
    }
  } else {
    const { tag, evaluation } = await read(baseline);
    const named = evaluations.find(({ name }) => tag === name || tag === `braid-${name}`);
    const system = named ?? (evaluations.length === 1 ? evaluations[0] : undefined);
    if (system === undefined) {
      throw new UsageError(
        `which system is ${baseline} (tag ${tag}) the baseline of? Give --systems with one of ` +
          evaluations.map(({ name }) => name).join(", "),
      );
    }
    check(system, evaluation);
  }
  return results;
}
