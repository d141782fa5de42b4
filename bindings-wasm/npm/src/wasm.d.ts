/** Made by the build out of the optimized module of `generated/`; see `scripts/text.mjs`. */
declare module "nexus:wasm" {
  /** One character for each byte, two for the rarer ones. */
  export const text: string;
  /** How many bytes it is. */
  export const size: number;
  /** The characters that stand for themselves, by rank. */
  export const alphabet: string;
  /** Which byte each rank is, in hexadecimal. */
  export const ranks: string;
}
