// Monaco's background threads. Paths are relative to the bundle, wherever it is served from.

const FILES = { json: "./json.worker.js", graphql: "./graphql.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker(_moduleId, label) {
    return new Worker(new URL(FILES[label] ?? "./editor.worker.js", import.meta.url), { type: "module", name: label });
  },
};
