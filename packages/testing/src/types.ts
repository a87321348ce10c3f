/** `instant`: delays take no time. `real`: they do. `hand`: time moves only with `advance`. */
export type TimeMode = "instant" | "real" | "hand";

export type Strategy = "enqueue" | "reject" | "interrupt" | "rollback";

export type FaultKind = "delay" | "bad-gateway" | "gateway-timeout" | "truncate" | "cut" | "end" | "duplicate" | "reorder";

export interface Fault {
  kind: FaultKind;
  /** Seconds of a `delay`, or the number of events before the fault of a stream. */
  at?: number;
  /** Pattern of the paths, with `*` and `?`. */
  path?: string;
  /** Pattern of the methods. */
  method?: string;
  /** Probability for each request, above 0 and up to 1. */
  chance?: number;
  /** The number of requests after which the fault stops. */
  times?: number;
}

/** `KIND` or `KIND@AT`, such as `cut@2`. */
export type FaultText = FaultKind | `${FaultKind}@${number}`;

export interface ActiveFault extends Required<Omit<Fault, "times">> {
  times: number | null;
  thread_id: string | null;
  /** The number of requests that met it. */
  struck: number;
}

export interface Held {
  point: string;
  thread_id: string;
  run_id: string;
}

export interface JournalEntry {
  number: number;
  /** The time of the request, in seconds on the mock's clock. */
  at: number;
  method: string;
  path: string;
  query: Record<string, string>;
  thread_id: string | null;
  /** The run in the path, or the run that the request created. */
  run_id: string | null;
  /** The multitask strategy in the request. */
  strategy: string | null;
  body: unknown;
  /** True if runs were in flight on the thread when the request came. */
  busy: boolean;
  /** The status of the answer, or null before it starts. */
  status: number | null;
  /** True if the answer is complete, or was cut. */
  ended: boolean;
  /** True if the answer broke off, or the client closed the connection before its end. */
  cut: boolean;
  /** The command of the newer streaming protocol. */
  protocol?: string;
  refused?: number | null;
  /** What the mock answered to a request that it refused, in one line. */
  reason?: string;
  callbacks?: string[];
  ignored?: string[];
}

/** One mistake of the application, and the numbers of the requests that prove it. */
export interface Finding {
  rule: string;
  text: string;
  requests: number[];
}

/** A script as the text or the path of a YAML file, as the URL of one, or as an object. */
export type Script = string | URL | { turns: unknown[]; [key: string]: unknown };

/** One script, or several graphs by their names. */
export type Scripts = Script | Record<string, Script>;

/** One thread instead of the whole deployment. */
export interface Scope {
  threadId?: string;
}

export interface Waiting {
  /** Real seconds after which the wait fails. Default: `mock.deadline`. */
  deadline?: number;
}

/**
 * `strategy`, `status`, `thread_id`, `run_id`, `busy`, `query`, `body`, `protocol`, `cut` and `headers` of the request, or
 * fields of its body. `including(part)` compares a part of a value, and `ANY` matches anything.
 */
export interface Wanted {
  having?: Record<string, unknown>;
}

/** A request as `assertRequestedInOrder` takes it. */
export interface RequestPattern extends Wanted {
  method?: string;
  path?: string;
}
