// The package in new projects of Node: scripts, servers that render pages, and the compiler of TypeScript.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { GOOD, Project, startServer } from "../support.mjs";

describe("Node", () => {
  let server;
  let project;
  before(async () => {
    [server, project] = await Promise.all([startServer(), Project.with("ws@8", "react@19", "react-dom@19")]);
  });
  after(async () => await server?.stop());

  for (const script of ["script.mjs", "slim-script.mjs"]) {
    test(`${script} connects with the sockets of ws, has a message acknowledged, and ends`, async () => {
      assert.deepEqual(JSON.parse(await project.node(script, server.url, server.token)), GOOD);
    });
  }

  test("importing the entries and making managers needs nothing, opens nothing and leaves nothing behind", async () => {
    assert.deepEqual(JSON.parse(await project.node("import-all.mjs", "react")), { looked: [], added: [], resources: [] });
  });

  test("the entries without React need no React", async () => {
    const bare = await Project.with();
    assert.deepEqual(JSON.parse(await bare.node("import-all.mjs")), { looked: [], added: [], resources: [] });
    await assert.rejects(bare.node("--eval", 'await import("nexus-realtime/react")'), /Cannot find package 'react'/);
  });

  test("a server renders the hooks as disconnected, and ends", async () => {
    assert.equal((await project.node("render.mjs")).trim(), "<p>disconnected,offline,null</p>");
  });

  test("other paths of the package can't be imported", async () => {
    await assert.rejects(project.node("--eval", 'await import("nexus-realtime/dist/index.js")'), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
});

for (const version of ["5.9", "7"]) {
  describe(`TypeScript ${version}`, () => {
    let project;
    before(async () => (project = await Project.with(`typescript@${version}`, "@types/react@19")));

    for (const resolution of ["nodenext", "bundler"]) {
      test(`the declarations are complete and strict, resolved as ${resolution} does`, async () => {
        const options = {
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          target: "es2022",
          lib: ["es2022", "dom"],
          types: [],
          module: resolution === "nodenext" ? "nodenext" : "esnext",
          moduleResolution: resolution,
        };
        project.write("tsconfig.json", JSON.stringify({ compilerOptions: options, files: ["typed.ts"] }));
        try {
          await project.run("npx", "tsc");
        } catch (error) {
          assert.fail(error.stdout || error);
        }
      });
    }
  });
}
