// What tests of a page need: a browser, the site, servers, and pages with scenes.

import { launch, open } from "./browser.mjs";
import { Scene, Servers } from "./scene.mjs";
import { Site } from "./site.mjs";

export class Stage {
  servers = new Servers();

  static async start(browserOptions) {
    const stage = new Stage();
    [stage.site, stage.browser] = await Promise.all([Site.start(), launch(browserOptions)]);
    return stage;
  }

  async stop() {
    await this.browser.close();
    await Promise.all([this.site.stop(), this.servers.stop()]);
  }

  /** Runs a test with a scene and a context of its own; both end with it. */
  async with(kind, options, run) {
    const scene = await Scene.start(this.servers, kind, options);
    const context = await this.browser.newContext();
    const scenes = new Map([[scene.user, scene]]);
    const visit = async (name, policy) => {
      const opened = await open(context, this.site.url(name, policy), scenes);
      return { ...opened, look: () => opened.page.evaluate(() => globalThis.nexus.look()) };
    };
    try {
      await run({ scene, scenes, context, visit, site: this.site, facts: scene.facts });
    } finally {
      await context.close();
      await scene.stop();
    }
  }

  /** Opens the page with one manager, connected. */
  static async connect({ visit, facts }, options = {}) {
    const opened = await visit("page");
    await opened.page.evaluate(([given, more]) => globalThis.nexus.start(given, more), [facts, options]);
    return opened;
  }
}
