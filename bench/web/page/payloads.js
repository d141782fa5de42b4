/** An object of about 200 bytes of JSON. */
export const small = {
  id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4",
  kind: "presence",
  user: "user-000042",
  status: "online",
  text: "The quick brown fox jumps over the lazy dog while the band plays on and on.",
  at: 1764000000000,
};

/** A list of objects, about 66 KB of JSON. */
export const large = { items: Array.from({ length: 330 }, (_, index) => ({ ...small, at: small.at + index })) };
