import { type CommonOptions, printJson, printText, textTable } from "../output.js";
import {
  type ServiceConfig,
  type ServiceOptions,
  serviceConfig,
  settings,
} from "../service-config.js";

/** `braid config`: the settings that `braid serve` would run with, and where each came from. */
export async function configCommand(options: CommonOptions & ServiceOptions): Promise<void> {
  const { config, origins } = serviceConfig(options);
  const names = Object.keys(settings) as (keyof ServiceConfig)[];
  if (options.json === true) {
    printJson(
      Object.fromEntries(names.map((name) => [name, { value: config[name], from: origins[name] }])),
    );
    return;
  }
  printText(
    textTable(
      ["setting", "value", "from", "flag", "environment"].map((title) => ({ title })),
      names.map((name) => [
        name,
        String(config[name] ?? "none"),
        origins[name],
        settings[name].flag,
        settings[name].variable,
      ]),
    ),
  );
}
