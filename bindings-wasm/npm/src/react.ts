import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useInsertionEffect,
  useRef,
  useSyncExternalStore,
} from "react";
import type { Manager } from "./api.js";
import type { AnyEvents, EventOf, HandlerOf, NamespaceMap, NamespaceOf } from "./maps.js";
import type { ConnectionQuality, ConnectionStatus, TokenProvider } from "./types.js";

const Context = createContext<Manager<any, any> | undefined>(undefined);

export interface RealtimeProviderProps {
  /** Made once, outside of components, with `createManager`. The provider does not close it. */
  readonly manager: Manager<any, any>;
  /**
   * The user to connect as, as long as the provider is mounted. `null` or `undefined` is signed out: it disconnects.
   * Leave out `userId` and `token` to call `connect` and `disconnect` elsewhere.
   */
  readonly userId?: string | null | undefined;
  /** A token, or what gives one. The newest function is the one that is asked; a new text is used from the next joining on. */
  readonly token?: string | TokenProvider | undefined;
  /** Told when the connection that `userId` asks for is refused. Statuses tell of everything else. */
  readonly onConnectError?: ((error: unknown) => void) | undefined;
  readonly children?: ReactNode;
}

/** Components that hold a manager's connection. Those that unmount and mount in one breath (StrictMode) keep it. */
const holders = new WeakMap<Manager<any, any>, number>();

function hold(manager: Manager<any, any>): () => void {
  holders.set(manager, (holders.get(manager) ?? 0) + 1);
  return () => {
    holders.set(manager, (holders.get(manager) ?? 1) - 1);
    queueMicrotask(() => {
      if (holders.get(manager) === 0) manager.disconnect();
    });
  };
}

/** Gives a manager to the components below, and, if it is told the user, connects it. */
export function RealtimeProvider(props: RealtimeProviderProps): ReactElement {
  const { manager, userId, token, onConnectError, children } = props;
  const latest = useLatest({ token, onConnectError });
  const isText = typeof token === "string";
  const text = isText ? token : undefined;
  const hasToken = token !== undefined;

  useEffect(() => {
    if (userId == null) return undefined;
    return hold(manager);
  }, [manager, userId]);

  useEffect(() => {
    if (userId == null || !hasToken) return undefined;
    let isCurrent = true;
    const provider: TokenProvider = (reason) => {
      const { token: newest } = latest.current;
      return typeof newest === "function" ? newest(reason) : (newest ?? "");
    };
    manager.connect(userId, text ?? provider).catch((error: unknown) => {
      // Unmounting, or another user, is no failure.
      if (isCurrent && (error as { code?: unknown }).code !== "CANCELLED") latest.current.onConnectError?.(error);
    });
    return () => {
      isCurrent = false;
    };
  }, [manager, userId, text, hasToken, latest]);

  return createElement(Context.Provider, { value: manager }, children);
}

/** The manager of the provider above. */
export function useManager<
  Receives extends NamespaceMap = AnyEvents,
  Sends extends NamespaceMap = AnyEvents,
>(): Manager<Receives, Sends> {
  const manager = useContext(Context);
  if (manager === undefined) throw new Error("there is no RealtimeProvider above this component");
  return manager as Manager<Receives, Sends>;
}

export function useConnectionStatus(): ConnectionStatus {
  const manager = useManager();
  return useSyncExternalStore(
    useCallback((changed: () => void) => watch(manager, changed), [manager]),
    () => manager.getConnectionStatus(),
    () => "disconnected",
  );
}

export function useConnectionQuality(): ConnectionQuality {
  const manager = useManager();
  return useSyncExternalStore(
    useCallback((changed: () => void) => watch(manager, changed), [manager]),
    () => manager.getConnectionQuality(),
    () => "offline",
  );
}

/** Mean round trip time in whole milliseconds, looked at every `interval` ms (at least 100); `null` without a sample. */
export function useLatency(interval = 1000): number | null {
  const manager = useManager();
  return useSyncExternalStore(
    useCallback(
      (changed: () => void) => {
        const unwatch = watch(manager, changed);
        const timer = setInterval(changed, Math.max(100, interval));
        return () => {
          clearInterval(timer);
          unwatch();
        };
      },
      [manager, interval],
    ),
    () => {
      const latency = manager.getAverageLatency();
      return latency === null ? null : Math.round(latency);
    },
    () => null,
  );
}

/** Listens to an event as long as the component is mounted. The handler of the last rendering is the one that is called. */
export function useEvent<
  Receives extends NamespaceMap = AnyEvents,
  N extends NamespaceOf<Receives> = NamespaceOf<Receives>,
  E extends EventOf<Receives, N> = EventOf<Receives, N>,
>(namespace: N, event: E, handler: HandlerOf<Receives, N, E>): void {
  const manager = useManager();
  const latest = useLatest(handler as (...args: any[]) => unknown);
  useEffect(
    () => manager.on(namespace, event, (...args: any[]) => latest.current(...args)),
    [manager, namespace, event, latest],
  );
}

/** The manager's `emit`, the same function in every rendering. */
export function useEmit<Sends extends NamespaceMap = AnyEvents>(): Manager<AnyEvents, Sends>["emit"] {
  type Emit = Manager<AnyEvents, Sends>["emit"];
  const manager = useManager<AnyEvents, Sends>();
  // Overloads can't be written as one function.
  return useCallback(((...args: Parameters<Emit>) => manager.emit(...args)) as Emit, [manager]);
}

/** The hooks with the event maps of an application, so that they are written down once. */
export interface Hooks<Receives extends NamespaceMap, Sends extends NamespaceMap> {
  useManager(): Manager<Receives, Sends>;
  useEvent<N extends NamespaceOf<Receives>, E extends EventOf<Receives, N>>(
    namespace: N,
    event: E,
    handler: HandlerOf<Receives, N, E>,
  ): void;
  useEmit(): Manager<Receives, Sends>["emit"];
}

/** The same hooks, typed: `export const { useEvent, useEmit, useManager } = typedHooks<Receives, Sends>()`. */
export function typedHooks<Receives extends NamespaceMap, Sends extends NamespaceMap>(): Hooks<Receives, Sends> {
  return { useManager, useEvent, useEmit } as unknown as Hooks<Receives, Sends>;
}

function watch(manager: Manager<any, any>, changed: () => void): () => void {
  // One listener each time: the same function would count once for two components.
  const listener = (): void => changed();
  const removers = [manager.addStatusListener(listener), manager.addQualityListener(listener)];
  return () => removers.forEach((remove) => remove());
}

/** A box with the value of the last rendering that was committed. */
function useLatest<T>(value: T): { readonly current: T } {
  const box = useRef(value);
  useInsertionEffect(() => {
    box.current = value;
  });
  return box;
}
