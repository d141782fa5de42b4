// The pages, bundled with the package as it was built, and a server for them.

import { build } from "esbuild";
import { once } from "node:events";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { entries } from "./package.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..");

/** What pages need, and no more: WebAssembly, their own scripts and workers, and sockets. */
const POLICY = "default-src 'none'; img-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ws://127.0.0.1:*";

/** Pages in a sandbox have no origin, and still load their scripts. */
const HEADERS = { "access-control-allow-origin": "*" };

/** Scripts in `pages/`, and the page of each. */
const PAGES = ["suite", "page", "react", "worker-page", "store", "behaviour"];
const SCRIPTS = [...PAGES, "worker"];

async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: SCRIPTS.map((name) => `pages/${name}.mjs`),
    bundle: true,
    format: "esm",
    target: "es2022",
    outdir: "out",
    write: false,
    logLevel: "warning",
    sourcemap: "inline",
    define: { "process.env.NODE_ENV": '"development"' },
    alias: {
      "nexus-realtime": entries.default,
      "nexus-realtime/slim": entries.slim,
      "nexus-realtime/react": entries.react,
      // One React for the page and for the package.
      react: join(folder, "node_modules/react"),
    },
  });
  return new Map(outputFiles.map(({ path, contents }) => [`/${path.split(/[\\/]/).at(-1)}`, contents]));
}

const html = (name) => `<!doctype html><meta charset="utf-8"><title>${name}</title>
<body><div id="root"></div><script type="module" src="/${name}.js"></script>`;

export class Site {
  #server;

  static async start() {
    const site = new Site();
    const scripts = await bundle();
    const wasm = await readFile(entries.wasm);
    site.#server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url, "http://site");
      const policy = searchParams.get("policy") ?? POLICY;
      const send = (type, body) => response.writeHead(200, { ...HEADERS, "content-type": type, "content-security-policy": policy }).end(body);
      const name = pathname.slice(1);
      if (PAGES.includes(name)) send("text/html", html(name));
      else if (name === "favicon.ico") response.writeHead(204).end();
      else if (name === "elsewhere") send("text/html", "<!doctype html><title>elsewhere</title>");
      else if (scripts.has(pathname)) send("text/javascript", scripts.get(pathname));
      else if (name === "nexus.wasm") send("application/wasm", wasm);
      else response.writeHead(404).end();
    });
    site.#server.listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    return site;
  }

  /** Address of a page, by default with the site's own content security policy. */
  url(name, policy) {
    const query = policy === undefined ? "" : `?policy=${encodeURIComponent(policy)}`;
    return `http://127.0.0.1:${this.#server.address().port}/${name}${query}`;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
