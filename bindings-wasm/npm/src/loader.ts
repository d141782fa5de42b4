import init, { __wbg_reset_state as reset, Client, onPanic } from "../generated/nexus_wasm.js";
import type { CoreClientClass, Instance } from "./core.js";
import { InitError, PanickedError } from "./errors.js";

/** The instance that the generated code works with. It has one place for it, whichever entry of the package loads it. */
let current: Instance | undefined;
let loading: Promise<Instance> | undefined;
let compiled: WebAssembly.Module | undefined;

/**
 * Gives the instance that works, or makes one: after a panic from the module that was compiled before, otherwise from
 * what `source` gives. A failure is not remembered: the next call tries again.
 */
export function instantiate(source: () => Promise<WebAssembly.Module>): Promise<Instance> {
  if (current !== undefined && current.panic === undefined) return Promise.resolve(current);
  loading ??= start(source).finally(() => {
    loading = undefined;
  });
  return loading;
}

async function start(source: () => Promise<WebAssembly.Module>): Promise<Instance> {
  try {
    compiled ??= await source();
    if (current !== undefined) reset();
    await init({ module_or_path: compiled });
  } catch (cause) {
    throw initError(cause);
  }
  const instance = new LiveInstance();
  onPanic((message: string) => void instance.kill(message));
  current = instance;
  return instance;
}

class LiveInstance implements Instance {
  readonly Client = Client as unknown as CoreClientClass;
  readonly owners = new Set<(error: PanickedError) => () => void>();
  panic: PanickedError | undefined;

  kill(message: string): PanickedError {
    if (this.panic === undefined) {
      this.panic = new PanickedError(`the realtime client has panicked: ${message}`);
      // The stack may be at its end, and what panicked is still on it, below whatever an application would do now.
      queueMicrotask(() => this.#end(this.panic!));
    }
    return this.panic;
  }

  #end(panic: PanickedError): void {
    const tell = [...this.owners].map((end) => end(panic));
    this.owners.clear();
    for (const each of tell) each();
  }
}

/** Says what to do about the failures that are the page's business. */
export function initError(cause: unknown): InitError {
  if (cause instanceof InitError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (typeof WebAssembly === "undefined") {
    return new InitError("there is no WebAssembly here (as in the lockdown mode of iOS)", { cause });
  }
  if (/unsafe-eval|content security policy|\bcsp\b/i.test(message)) {
    return new InitError(
      `the page's content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src (${message})`,
      { cause },
    );
  }
  return new InitError(`the WebAssembly part could not be loaded: ${message}`, { cause });
}
