// The documentation of REST: Swagger UI over the schema that this server answers. Whoever logs in
// by trying `log_in` or `register` is logged in for whatever they try next; the token stays in memory.

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

const SCHEME = "accessToken";
const GIVES_TOKENS = /\/auth\/(login|register|refresh)$/;

const page = document.getElementById("docs");
const dark = matchMedia("(prefers-color-scheme: dark)");

function followColours() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followColours();
dark.addEventListener("change", followColours);

const ui = SwaggerUI({
  domNode: page,
  url: page.dataset.schema,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // The badge of a service elsewhere, which our Content-Security-Policy would refuse.
  validatorUrl: "none",
  requestInterceptor(request) {
    if (request.loadSpec) request.headers.Accept = "application/json";
    return request;
  },
  responseInterceptor(response) {
    const token = GIVES_TOKENS.test(new URL(response.url, location.href).pathname) && response.ok && response.body?.access_token;
    if (token) logIn(token);
    return response;
  },
});

function logIn(token) {
  const schema = { type: "http", scheme: "bearer" };
  ui.authActions.authorize({ [SCHEME]: { name: SCHEME, schema, value: token } });
}
