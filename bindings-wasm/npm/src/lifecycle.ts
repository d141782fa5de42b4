/** What a page's life means to a connection. */
export interface LifecycleEvents {
  /** The system has found or lost its network. */
  network(isReachable: boolean): void;
  /** The page is not visible any more: nobody looks at its measurements. */
  hidden(): void;
  /** The page is visible again, or was woken: the connection may be dead without anybody knowing. */
  shown(): void;
  /** The page is about to be frozen or kept for the way back, neither of which an open socket allows. */
  suspended(): void;
}

/** Watches the page, as far as there is one (workers have `online` and `offline` alone, Node has nothing). Gives what ends it. */
export function watchPage(events: LifecycleEvents): () => void {
  const controller = new AbortController();
  const listen = (target: EventTarget | undefined, type: string, listener: (event: Event) => void): void =>
    target?.addEventListener?.(type, listener, { signal: controller.signal });

  const scope = globalThis as unknown as EventTarget;
  listen(scope, "online", () => events.network(true));
  listen(scope, "offline", () => events.network(false));

  const page = globalThis.document as Document | undefined;
  if (page !== undefined) {
    listen(scope, "pagehide", (event) => {
      if ((event as PageTransitionEvent).persisted) events.suspended();
    });
    listen(scope, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) events.shown();
    });
    listen(page, "freeze", () => events.suspended());
    listen(page, "resume", () => events.shown());
    listen(page, "visibilitychange", () => {
      if (page.visibilityState === "visible") events.shown();
      else events.hidden();
    });
    if (page.visibilityState === "hidden") events.hidden();
  }
  if (globalThis.navigator?.onLine === false) events.network(false);
  return () => controller.abort();
}
