/** Tells listeners of events; a map from event to what comes with it. */
export class Emitter<Events extends Record<string, unknown[]>> {
  #listeners: { [E in keyof Events]?: Set<(...args: Events[E]) => void> } = {};

  /** Gives the function that takes the listener off again. */
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): () => void {
    const listeners = (this.#listeners[event] ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  protected tell<E extends keyof Events>(event: E, ...args: Events[E]): void {
    for (const listener of this.#listeners[event] ?? []) listener(...args);
  }
}
