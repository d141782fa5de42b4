// The package in new projects, built by the usual tools without configuration, and run in Chromium.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { GOOD, launch, outcome, Project, startServer, visit } from "../support.mjs";

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The page connects, has its message acknowledged, and nothing is wrong in it. */
async function works(options) {
  const { seen, problems } = await visit({ browser, server, look: outcome, ...options });
  assert.deepEqual(seen, GOOD);
  assert.deepEqual(problems, []);
}

/** The page of `consumers/react.js` shows its message, once. */
async function showsMessage(directory, path) {
  const look = async (page) => {
    const note = page.locator("p[data-status=connected]", { hasText: "from React" });
    await note.waitFor();
    return note.textContent();
  };
  const { seen, problems } = await visit({ browser, server, directory, path, look });
  assert.equal(seen, "from React");
  assert.deepEqual(problems, []);
}

describe("without a bundler", () => {
  let project;
  before(async () => (project = await Project.with()));

  test("a module script imports the file of the package", async () => {
    project.page("index.html", `<script type="module">
      import { createManager } from "/node_modules/nexus-realtime/dist/index.js";
      import { talk } from "/talk.js";
      const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
      globalThis.outcome = talk(createManager({ url: server }), token);
    </script>`);
    await works({ directory: project.folder, path: "index.html" });
  });

  const imports = { "nexus-realtime": "/node_modules/nexus-realtime/dist/index.js", "nexus-realtime/slim": "/node_modules/nexus-realtime/dist/slim.js" };
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;

  test("a module script imports it by name, through an import map", async () => {
    project.page("map.html", `${map}<script type="module" src="/page.js"></script>`);
    await works({ directory: project.folder, path: "map.html" });
  });

  for (const as of ["text", "url", "response", "bytes", "module"]) {
    test(`the slim entry takes its WebAssembly file as ${as}`, async () => {
      project.page("slim.html", `${map}<script type="module" src="/slim.js"></script>`);
      await works({ directory: project.folder, path: "slim.html", query: { as } });
    });
  }

  test("it works under a content security policy that allows WebAssembly, and says so under one that does not", async () => {
    project.page("policy.html", '<script type="module" src="/policy.js"></script>');
    project.write("policy.js", `import { createManager } from "/node_modules/nexus-realtime/dist/index.js";
      import { talk } from "/talk.js";
      const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
      globalThis.outcome = talk(createManager({ url: server }), token).catch(({ name, message }) => ({ name, message }));`);
    const options = { browser, server, directory: project.folder, path: "policy.html", look: outcome };
    const policy = (scripts) => ({ "content-security-policy": `default-src 'none'; script-src ${scripts}; connect-src *` });
    await works({ ...options, headers: policy("'self' 'wasm-unsafe-eval'") });

    const { seen } = await visit({ ...options, headers: policy("'self'") });
    assert.equal(seen.name, "InitError");
    assert.match(seen.message, /wasm-unsafe-eval/);
  });
});

describe("esbuild", () => {
  let project;
  before(async () => (project = await Project.with("esbuild@0.28")));

  for (const format of ["esm", "iife"]) {
    test(`the default entry, as ${format}`, async () => {
      await project.run("npx", "esbuild", "page.js", "--bundle", "--minify", `--format=${format}`, `--outfile=out/${format}.js`);
      project.page("out/index.html", `<script ${format === "esm" ? 'type="module"' : "defer"} src="/${format}.js"></script>`);
      await works({ directory: project.path("out"), path: "index.html" });
    });
  }
});

for (const version of ["7", "8"]) {
  describe(`Vite ${version}`, () => {
    let project;
    before(async () => (project = await Project.with(`vite@${version}`, "react@19", "react-dom@19")));

    async function build(consumer) {
      project.page("index.html", `<script type="module" src="/${consumer}.js"></script>`);
      await project.run("npx", "vite", "build", "--outDir", `out/${consumer}`, "--logLevel", "error");
      return project.path(`out/${consumer}`);
    }

    test("the default entry", async () => works({ directory: await build("page"), path: "index.html" }));

    test("the slim entry, with the WebAssembly file as an asset", async () =>
      works({ directory: await build("slim-vite"), path: "index.html" }));

    test("the hooks for React", async () => showsMessage(await build("react"), "index.html"));
  });
}

describe("webpack 5", () => {
  let project;
  before(async () => (project = await Project.with("webpack@5", "webpack-cli", "react@19", "react-dom@19")));

  async function build(consumer) {
    const folder = `out/${consumer}`;
    await project.run("npx", "webpack", "build", "--mode", "production", "--entry", `./${consumer}.js`, "--output-path", folder, "--stats", "errors-only");
    project.page(`${folder}/index.html`, '<script defer src="/main.js"></script>');
    return project.path(folder);
  }

  test("the default entry", async () => works({ directory: await build("page"), path: "index.html" }));

  test("the slim entry, with the WebAssembly file as an asset", async () =>
    works({ directory: await build("slim-webpack"), path: "index.html" }));

  test("the hooks for React", async () => showsMessage(await build("react"), "index.html"));
});
