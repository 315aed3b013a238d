/**
 * Metrics in Prometheus' text format (version 0.0.4). Written here and not taken from a client
 * library: an observation is one array write and the whole format fits on a page, where prom-client
 * hashes an object of labels for each observation.
 */

/** Upper bounds of latency buckets in seconds. */
const latencyBounds: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

type Kind = "counter" | "gauge" | "histogram";

/** Counts by label values. */
export class Counter {
  readonly #values = new Map<string, number>();
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];

  constructor(name: string, help: string, labels: readonly string[] = []) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  add(count: number, ...labelValues: readonly string[]): void {
    const key = labelText(this.labels, labelValues);
    this.#values.set(key, (this.#values.get(key) ?? 0) + count);
  }

  lines(): string[] {
    return [
      ...header(this.name, this.help, "counter"),
      ...[...this.#values].map(([labels, value]) => sample(this.name, labels, value)),
    ];
  }
}

/** Distribution of durations by one label. */
export class LatencyHistogram {
  readonly #series = new Map<string, { counts: Float64Array; sum: number }>();
  readonly name: string;
  readonly help: string;
  readonly label: string;

  constructor(name: string, help: string, label: string) {
    this.name = name;
    this.help = help;
    this.label = label;
  }

  observe(labelValue: string, seconds: number): void {
    let series = this.#series.get(labelValue);
    if (series === undefined) {
      series = { counts: new Float64Array(latencyBounds.length + 1), sum: 0 };
      this.#series.set(labelValue, series);
    }
    let at = 0;
    while (at < latencyBounds.length && seconds > (latencyBounds[at] as number)) at++;
    series.counts[at] = (series.counts[at] as number) + 1;
    series.sum += seconds;
  }

  lines(): string[] {
    const lines = header(this.name, this.help, "histogram");
    for (const [value, { counts, sum }] of this.#series) {
      let total = 0;
      counts.forEach((count, i) => {
        total += count;
        const bound = latencyBounds[i];
        const labels = labelText(
          [this.label, "le"],
          [value, bound === undefined ? "+Inf" : String(bound)],
        );
        lines.push(sample(`${this.name}_bucket`, labels, total));
      });
      const labels = labelText([this.label], [value]);
      lines.push(
        sample(`${this.name}_sum`, labels, sum),
        sample(`${this.name}_count`, labels, total),
      );
    }
    return lines;
  }
}

/** A value that is read when it is asked for. */
export interface GaugeReading {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Lines of one gauge (or of a counter that is kept elsewhere). */
export function gaugeLines(
  name: string,
  help: string,
  readings: readonly GaugeReading[],
  kind: "gauge" | "counter" = "gauge",
): string[] {
  return [
    ...header(name, help, kind),
    ...readings.map(({ labels = {}, value }) =>
      sample(name, labelText(Object.keys(labels), Object.values(labels)), value),
    ),
  ];
}

/** What the service counts. */
export class ServiceMetrics {
  readonly requests: Counter = new Counter("braid_requests_total", "Requests answered", [
    "operation",
    "status",
  ]);
  readonly requestSeconds: LatencyHistogram = new LatencyHistogram(
    "braid_request_seconds",
    "Time from a request's head to the end of its answer",
    "operation",
  );
  readonly stageSeconds: LatencyHistogram = new LatencyHistogram(
    "braid_stage_seconds",
    "Time of each stage of a query",
    "stage",
  );
  readonly documents: Counter = new Counter("braid_documents_total", "Documents changed", [
    "change",
  ]);
  readonly degraded: Counter = new Counter(
    "braid_degraded_total",
    "Answers given without a leg or stage",
  );

  readonly rateLimited: Counter = new Counter(
    "braid_rate_limited_total",
    "Requests refused because a key sent too many",
  );

  lines(): string[] {
    return [
      ...this.rateLimited.lines(),
      ...this.requests.lines(),
      ...this.requestSeconds.lines(),
      ...this.stageSeconds.lines(),
      ...this.documents.lines(),
      ...this.degraded.lines(),
    ];
  }
}

function header(name: string, help: string, kind: Kind): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`];
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels} ${Number.isFinite(value) ? value : "NaN"}`;
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  const pairs = names.map((name, i) => `${name}="${escapeLabel(values[i] ?? "")}"`);
  return `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (unit) => (unit === "\n" ? "\\n" : `\\${unit}`));
}
