/**
 * Bytes as a JavaScript string of plain ASCII that compresses like the bytes.
 *
 * Base64 cuts bytes at every sixth bit, so that nothing repeats any more, and compressing first leaves nothing to a better
 * compressor of the web server. Here each byte is one character, the rare ones two: `~` or `}` and a character. Which
 * byte a character means is sorted by frequency.
 */
const ESCAPES = "~}";
/** Would have to be escaped by some minifier, or ends a script element. */
const FORBIDDEN = "\"'`\\$<";

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
export const alphabet = printable.filter((char) => !(ESCAPES + FORBIDDEN).includes(char)).join("");

/** Gives the text, and the bytes in the order of their ranks, in hexadecimal. */
export function encodeBytes(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const ranked = [...counts.keys()].sort((one, other) => counts[other] - counts[one] || one - other);
  const codes = [];
  ranked.forEach((byte, rank) => {
    const escape = Math.floor(rank / alphabet.length);
    codes[byte] = (escape === 0 ? "" : ESCAPES[escape - 1]) + alphabet[rank % alphabet.length];
  });
  return {
    text: Array.from(bytes, (byte) => codes[byte]).join(""),
    ranks: Buffer.from(ranked).toString("hex"),
  };
}
