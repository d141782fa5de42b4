import type { Args } from "./payload.js";

/** Events per namespace: `{ messaging: { NEW_MESSAGE: (message: Message) => void } }`. Any interface or type will do. */
export interface NamespaceMap {
  // An index signature of any other type would refuse interfaces.
  [namespace: string]: any;
}

/** The map that allows everything. */
export interface AnyEvents {
  [namespace: string]: { [event: string]: (...args: any[]) => void };
}

type Fn = (...args: any[]) => any;
type IsAny<T> = 0 extends 1 & T ? true : false;
type ParametersOf<F> = F extends (...args: infer A) => any ? A : never;

export type NamespaceOf<M> = keyof M & string;
export type EventOf<M, N extends keyof M> = keyof M[N] & string;

/** A listener of an event. What it returns is ignored. */
export type HandlerOf<M, N extends keyof M, E extends keyof M[N]> = (...args: ParametersOf<M[N][E]>) => unknown;

/** What an iterator over an event yields: the event's first argument. */
export type DataOf<M, N extends keyof M, E extends keyof M[N]> = ParametersOf<M[N][E]>[0];

/** The callback at the end of the parameters, if there is one. */
type AckCallback<A extends unknown[]> =
  Required<A> extends [...unknown[], infer Last] ? (IsAny<Last> extends true ? never : Extract<Last, Fn>) : never;

/** The parameters without that callback. */
type DataParameters<A extends unknown[]> = [AckCallback<A>] extends [never]
  ? A
  : Required<A> extends [...infer Head, unknown]
    ? Head
    : A;

/** Names of the events that are acknowledged. */
export type AckEventOf<M, N extends keyof M> = {
  [E in EventOf<M, N>]: number extends ParametersOf<M[N][E]>["length"]
    ? E
    : [AckCallback<ParametersOf<M[N][E]>>] extends [never]
      ? never
      : E;
}[EventOf<M, N>];

/** What the acknowledgement of an event brings: the first parameter of the callback that its function takes last. */
export type AckOf<M, N extends keyof M, E extends keyof M[N]> = number extends ParametersOf<M[N][E]>["length"]
  ? any
  : ParametersOf<AckCallback<ParametersOf<M[N][E]>>> extends [infer R, ...unknown[]]
    ? R
    : undefined;

/** The parameters of an emit after the event's name. */
export type EmitParameters<M, N extends keyof M, E extends keyof M[N], Options> = Spread<
  DataParameters<ParametersOf<M[N][E]>>,
  Options
>;

/** What the outcome of a durable emit brings: as {@link AckOf}, `undefined` if there is no acknowledgement. */
export type AnswerOf<M, N extends keyof M, E extends keyof M[N]> = number extends ParametersOf<M[N][E]>["length"]
  ? any
  : [AckCallback<ParametersOf<M[N][E]>>] extends [never]
    ? undefined
    : AckOf<M, N, E>;

/** As {@link EmitParameters}, with options that can't be left out. */
export type DurableParameters<M, N extends keyof M, E extends keyof M[N], Options> =
  DataParameters<ParametersOf<M[N][E]>> extends infer A extends unknown[]
    ? number extends A["length"]
      ? [data: any, options: Options]
      : A extends []
        ? [data: undefined, options: Options]
        : A extends [(infer D)?]
          ? [data: D | Args<A>, options: Options]
          : [data: Args<A>, options: Options]
    : never;

type Spread<A extends unknown[], Options> = number extends A["length"]
  ? [data?: any, options?: Options]
  : A extends []
    ? [data?: undefined, options?: Options]
    : A extends [infer D]
      ? [data: D | Args<A>, options?: Options]
      : A extends [(infer D)?]
        ? [data?: D | Args<A>, options?: Options]
        : [data: Args<A>, options?: Options];
