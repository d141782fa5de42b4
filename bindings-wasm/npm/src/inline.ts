import deflated from "nexus:wasm";

/** Compiles the module that this package carries. */
export async function compileInlined(): Promise<WebAssembly.Module> {
  const text = atob(deflated);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  const inflated = new Response(bytes).body!.pipeThrough(new DecompressionStream("deflate-raw"));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}
