// Bundles the scripts of the pages: the GraphQL playground into frontend/dist/playground/, the
// documentation of REST into frontend/dist/docs/, the live board into frontend/dist/board/, the
// public booking page into frontend/dist/guest_pages/.
//
// The pages of ReserveAPI forbid inline styles and know no other origin. Monaco, the editor in
// GraphiQL, and a few of its neighbours write <style> elements and style="" attributes, so their
// sources are rewritten here to reach the same effect through the CSSOM, which the
// Content-Security-Policy allows. docs/adr/0004-playground.md says why this and not a looser policy.

import { build } from "esbuild";
import { readFile, rm, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const OUTPUT = here("dist/playground");
const DOCS = here("dist/docs");
const BOARD = here("dist/board");
const GUEST_PAGES = here("dist/guest_pages");

const STYLE_ELEMENT = /\bcreateElement\((['"])style\1\)/g;
const INNER_HTML = /^(\s*)([\w.]+)\.innerHTML = (.+?);(\s*(?:\/\/.*)?)$/gm;
const ADJACENT_HTML = /\b([\w.]+)\.insertAdjacentHTML\(/g;

// Monaco modules known to write markup with style attributes, each of which the page needs.
const MUST_REWRITE = ["viewLayer.js", "domLineBreaksComputer.js", "browser/dom.js"];

const withoutInlineStyles = {
  name: "without-inline-styles",
  setup(bundler) {
    const rewritten = new Set();

    bundler.onLoad({ filter: /[\\/]node_modules[\\/].+\.m?js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      let contents = source.replace(STYLE_ELEMENT, 'createElement("csp-style")');
      if (/[\\/]monaco-editor[\\/]esm[\\/]vs[\\/](editor|base[\\/]browser[\\/]ui)[\\/]/.test(path)) {
        contents = contents
          .replace(INNER_HTML, "$1__setStyledHtml($2, $3);$4")
          .replace(ADJACENT_HTML, "__insertStyledHtml($1, ");
        if (contents.includes("StyledHtml(")) {
          const helpers = JSON.stringify(here("playground/csp/styled-html.js"));
          contents = `import { setStyledHtml as __setStyledHtml, insertStyledHtml as __insertStyledHtml } from ${helpers};\n${contents}`;
        }
      }
      if (contents === source) return undefined;
      rewritten.add(path.replaceAll("\\", "/"));
      return { contents, loader: "js" };
    });

    bundler.onEnd(() => {
      const missing = MUST_REWRITE.filter((name) => ![...rewritten].some((path) => path.endsWith(`/${name}`)));
      if (missing.length > 0) {
        throw new Error(`Nothing to rewrite in Monaco's ${missing.join(", ")}: read its release notes, then this file.`);
      }
    });
  },
};

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
};

await Promise.all([OUTPUT, DOCS, BOARD, GUEST_PAGES].map((folder) => rm(folder, { recursive: true, force: true })));
await Promise.all([
  build({
    ...common,
    entryPoints: { playground: here("playground/main.jsx") },
    outdir: OUTPUT,
    splitting: true,
    chunkNames: "chunk-[hash]",
    assetNames: "[name]-[hash]",
    jsx: "automatic",
    // GraphiQL mixes Prettier's two module formats; bundled, only the ES modules show their parts.
    alias: { "prettier/parser-graphql": "prettier/plugins/graphql", "prettier/parser-babel": "prettier/plugins/babel" },
    loader: { ".ttf": "file", ".woff2": "file" },
    plugins: [withoutInlineStyles],
  }),
  build({
    ...common,
    entryPoints: {
      "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
      "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
      "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    },
    outdir: OUTPUT,
    absWorkingDir: here(".."),
  }),
  // Swagger UI sets its styles by the CSSOM and needs nothing rewritten.
  build({ ...common, entryPoints: { docs: here("docs/main.js") }, outdir: DOCS }),
  // htmx with its morphing swaps, and the socket that tells when to refresh.
  build({ ...common, entryPoints: { board: here("board/main.js") }, outdir: BOARD }),
  // The same htmx, and the client of our own subscriptions.
  build({ ...common, entryPoints: { guest_pages: here("guest_pages/main.js") }, outdir: GUEST_PAGES }),
]);

for (const file of [`${OUTPUT}/playground.js`, `${DOCS}/docs.js`]) {
  const { size } = await stat(file);
  console.log(`${file.slice(here(".").length)}: ${(size / 1e6).toFixed(1)} MB, before compression`);
}
