import type { CoreClient } from "./core.js";
import { type Deferred, deferred } from "./deferred.js";
import { JoinError, report } from "./errors.js";
import type { Notice } from "./types.js";

/** The namespaces that were asked for by `join`, and the promises of those that are under way. */
export class Joins {
  readonly #wanted = new Set<string>();
  readonly #pending = new Map<string, Deferred>();

  /** Asks the core, or, as long as there is none, waits for it. */
  join(client: CoreClient | undefined, namespace: string): Promise<void> {
    const isJoined = client?.join(namespace) ?? false;
    this.#wanted.add(namespace);
    if (isJoined) {
      this.#pending.get(namespace)?.resolve();
      this.#pending.delete(namespace);
      return Promise.resolve();
    }
    let pending = this.#pending.get(namespace);
    if (pending === undefined) this.#pending.set(namespace, (pending = deferred()));
    return pending.promise;
  }

  leave(namespace: string): void {
    this.#wanted.delete(namespace);
    this.#fail(namespace, notJoined("it was left"));
  }

  /** Whether it was asked for. */
  wants(namespace: string): boolean {
    return this.#wanted.has(namespace);
  }

  attach(client: CoreClient): void {
    for (const namespace of this.#wanted) {
      try {
        if (client.join(namespace)) this.#joined(namespace);
      } catch (error) {
        if (this.#pending.has(namespace)) this.#fail(namespace, error);
        else report(error);
      }
    }
  }

  notice(notice: Notice): void {
    if (notice.type === "joined") this.#joined(notice.namespace);
    else if (notice.type === "joinFailed") this.#fail(notice.namespace, notice.error);
  }

  failAll(error: unknown): void {
    for (const namespace of [...this.#pending.keys()]) this.#fail(namespace, error);
  }

  #joined(namespace: string): void {
    const pending = this.#pending.get(namespace);
    this.#pending.delete(namespace);
    pending?.resolve();
  }

  #fail(namespace: string, error: unknown): void {
    const pending = this.#pending.get(namespace);
    this.#pending.delete(namespace);
    pending?.reject(error);
  }
}

export function notJoined(why: string): JoinError {
  return new JoinError("NOT_JOINED", `not joined: ${why}`);
}

/** The name as it is told everywhere: without its slash, `/` for the root. */
export function namespaceName(name: string): string {
  if (name.charCodeAt(0) !== 47 || name.length === 1) return name === "" ? "/" : name;
  return name.slice(1);
}

/** The core's rule, for the time before it is there. */
export function checkNamespace(name: string): void {
  if (name.length > 255 || /[,\p{Cc}]/u.test(name)) {
    throw new JoinError("INVALID_NAMESPACE", "a namespace's name has no comma and no control character, and at most 256 bytes");
  }
}
