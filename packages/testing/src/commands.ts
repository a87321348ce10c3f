/** The commands of the control API, under `/_mock`. A test compares them with the routes of the server. */
export const COMMANDS = {
  overview: "GET /_mock",
  openapi: "GET /_mock/openapi.json",
  defects: "GET /_mock/defects",
  defectOn: "POST /_mock/defects",
  defectsOff: "DELETE /_mock/defects",
  defectOff: "DELETE /_mock/defects/{name}",
  faults: "GET /_mock/faults",
  fault: "POST /_mock/faults",
  faultsOff: "DELETE /_mock/faults",
  restart: "POST /_mock/restart",
  reset: "POST /_mock/reset",
  script: "POST /_mock/script",
  held: "GET /_mock/holds",
  hold: "POST /_mock/holds",
  release: "DELETE /_mock/holds",
  time: "POST /_mock/time",
  advance: "POST /_mock/time/advance",
  journal: "GET /_mock/journal",
  conduct: "GET /_mock/conduct",
  conductPage: "GET /_mock/conduct/page",
  wait: "POST /_mock/wait",
  assert: "POST /_mock/assert",
} as const;

export type Command = keyof typeof COMMANDS;
