import { alphabet, ranks, size, text } from "nexus:wasm";

const TILDE = 126;
const BRACE = 125;

/** Compiles the module that this package carries. */
export async function compileInlined(): Promise<WebAssembly.Module> {
  const byteOfRank = Uint8Array.from({ length: 256 }, (_, rank) => Number.parseInt(ranks.slice(rank * 2, rank * 2 + 2), 16));
  const rankOfCode = new Uint8Array(128);
  for (let rank = 0; rank < alphabet.length; rank++) rankOfCode[alphabet.charCodeAt(rank)] = rank;

  const bytes = new Uint8Array(size);
  for (let at = 0, end = 0; end < size; at++, end++) {
    let code = text.charCodeAt(at);
    let escaped = 0;
    if (code >= BRACE) {
      escaped = (code === TILDE ? 1 : 2) * alphabet.length;
      code = text.charCodeAt(++at);
    }
    bytes[end] = byteOfRank[escaped + rankOfCode[code]!]!;
  }
  return WebAssembly.compile(bytes);
}
