// The GraphQL playground: GraphiQL under a bar that says who is logged in.

import "./csp/style-element.js";
import "./workers.js";

import * as monaco from "monaco-graphql/esm/monaco-editor.js";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./playground.css";

import { DEFAULT_TABS } from "./documents.js";
import { createFetcher } from "./fetcher.js";
import { Session } from "./session.js";
import { SessionBar } from "./session-bar.jsx";
import { EDITOR_THEME, defineEditorThemes } from "./theme.js";

const FONT_WAIT_MS = 1500;
const PHONE = window.matchMedia("(max-width: 859px)");

function fitEditor(editor) {
  const isAnswer = () => editor.getModel()?.uri.path.endsWith("response.json");
  const fit = () =>
    editor.updateOptions({
      fontSize: 14,
      lineHeight: 21,
      wordWrap: "on",
      lineNumbers: PHONE.matches || isAnswer() ? "off" : "on",
      placeholder: isAnswer() ? "The answer appears here." : undefined,
    });
  // The event comes before the editor has its model.
  queueMicrotask(fit);
  editor.onDidChangeModel(fit);
  PHONE.addEventListener("change", fit);
  editor.onDidDispose(() => PHONE.removeEventListener("change", fit));
}

function Playground({ fetcher, session }) {
  return (
    <>
      <SessionBar session={session} />
      <main className="workbench" aria-label="GraphQL playground">
        <GraphiQL
          fetcher={fetcher}
          defaultTabs={DEFAULT_TABS}
          defaultEditorToolsVisibility={false}
          editorTheme={EDITOR_THEME}
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
        >
          <GraphiQL.Logo>
            <span className="endpoint-name">GraphQL</span>
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

async function start() {
  const root = document.getElementById("playground");
  const { endpoint } = root.dataset;
  const session = new Session(endpoint);
  const fetcher = createFetcher(endpoint, session);

  defineEditorThemes(monaco);
  monaco.editor.onDidCreateEditor(fitEditor);
  // Monaco measures its font once, so the font comes first; not for ever, though.
  const fonts = Promise.all([document.fonts.load('14px "Fira Code"'), document.fonts.load('14px "Inter"')]);
  await Promise.race([fonts, new Promise((resolve) => setTimeout(resolve, FONT_WAIT_MS))]);
  fonts.then(() => monaco.editor.remeasureFonts());

  createRoot(root).render(<Playground fetcher={fetcher} session={session} />);
}

start();
