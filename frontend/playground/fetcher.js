// GraphiQL's way to the server: queries and mutations by fetch, subscriptions by graphql-ws
// (protocol graphql-transport-ws), both on the endpoint that serves this page.

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { parse, print, separateOperations } from "graphql";
import { createClient } from "graphql-ws";

const FORBIDDEN = 4403;
const RETRIES = 20;
const LONGEST_WAIT_MS = 15_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether the server refused the whole request because of its token. */
async function isTokenRefused(response) {
  if (response.status === 401) return true;
  try {
    const { data, errors } = await response.clone().json();
    return !data && errors?.[0]?.extensions?.code === "UNAUTHENTICATED" && !errors[0].path;
  } catch {
    return false;
  }
}

function fetchAs(session) {
  return async (url, options) => {
    const headers = new Headers(options.headers);
    headers.set("accept", "application/json");
    if (headers.has("authorization")) return fetch(url, { ...options, headers });

    const send = (token) => {
      if (token) headers.set("authorization", `Bearer ${token}`);
      else headers.delete("authorization");
      return fetch(url, { ...options, headers });
    };
    const token = await session.accessToken();
    const response = await send(token);
    // A refused token refuses the whole request, so nothing ran and once more is safe.
    if (token && (await isTokenRefused(response)) && (await session.refused(token))) {
      return send(await session.accessToken());
    }
    return response;
  };
}

function socketAs(session, url) {
  let sentToken = null;
  let tokenChanged = false;

  const client = createClient({
    url,
    retryAttempts: RETRIES,
    retryWait: async (attempt) => {
      if (tokenChanged) return;
      await pause(Math.min(LONGEST_WAIT_MS, 500 * 2 ** attempt) * (0.5 + Math.random() / 2));
    },
    connectionParams: async () => {
      tokenChanged = false;
      sentToken = await session.accessToken();
      return sentToken ? { authorization: `Bearer ${sentToken}` } : undefined;
    },
    // Any failure is worth another try, a refused token only where there is another token.
    shouldRetry: (failure) => failure?.code !== FORBIDDEN || session.get().accessToken !== null,
    on: {
      closed: (event) => {
        if (event.code !== FORBIDDEN || !sentToken) return;
        const refusedToken = sentToken;
        sentToken = null;
        session.refused(refusedToken);
      },
    },
  });

  // Running subscriptions go on, on a new socket that carries the new token.
  session.subscribe(({ accessToken }) => {
    if (accessToken === sentToken) return;
    tokenChanged = true;
    client.terminate();
  });
  return {
    ...client,
    subscribe: (payload, sink) => client.subscribe(payload, { ...sink, error: (failure) => sink.error(asErrors(failure)) }),
  };
}

/** A failed connection, in the shape of GraphQL errors; what the server itself said, as it is. */
function asErrors(failure) {
  if (Array.isArray(failure)) return failure;
  const reason = failure?.code ? ` (${[failure.code, failure.reason].filter(Boolean).join(": ")})` : "";
  return [{ message: `The connection was closed${reason}.` }];
}

/**
 * GraphiQL reads the document a moment after it changed; an operation that is run at once comes
 * with the previous one's name and tree. Both are taken from the text that is sent instead.
 *
 * The server takes one operation a document. Of a tab with several the chosen one is sent, with
 * the fragments that it needs; a tab with one is sent as it stands, so that errors name its lines.
 */
function upToDate(params, options) {
  let documentAST;
  try {
    documentAST = parse(params.query);
  } catch {
    return [params, options];
  }
  const names = documentAST.definitions.filter(({ kind }) => kind === "OperationDefinition").map(({ name }) => name?.value);
  const operationName = names.includes(params.operationName) ? params.operationName : names.length === 1 ? names[0] : undefined;
  const chosen = names.length > 1 && operationName !== undefined ? separateOperations(documentAST)[operationName] : undefined;
  return [
    { ...params, query: chosen ? print(chosen) : params.query, operationName },
    { ...options, documentAST: chosen ?? documentAST },
  ];
}

/** The fetcher for <GraphiQL>, acting as whoever `session` says is logged in. */
export function createFetcher(endpoint, session) {
  const socketUrl = new URL(endpoint, window.location.origin);
  socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
  const fetcher = createGraphiQLFetcher({
    url: endpoint,
    fetch: fetchAs(session),
    wsClient: socketAs(session, socketUrl.href),
    enableIncrementalDelivery: false,
  });
  return (params, options) => fetcher(...upToDate(params, options));
}
