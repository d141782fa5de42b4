// Starts the worker, and passes on what it wants of the outside.

globalThis.runInWorker = (name, facts) => {
  const worker = new Worker("/worker.js", { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = async ({ data }) => {
      if (data.type === "done") {
        if (data.error === undefined) resolve();
        else reject(new Error(data.error));
        return;
      }
      const answer = await globalThis.outside(facts.user, data.name, data.args).then(
        (result) => ({ result }),
        (error) => ({ error: String(error) }),
      );
      worker.postMessage({ id: data.id, ...answer });
    };
    worker.postMessage({ type: "run", name, facts });
  }).finally(() => worker.terminate());
};
