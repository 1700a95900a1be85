// The live board. The server renders it; the socket says when it has changed.

import htmx from "./htmx.js";
import "idiomorph/htmx";
import { BoardSocket } from "./socket.js";
import { startCountdowns } from "./countdown.js";

// Changes that come together are fetched together.
const PAUSE_MS = 120;

const status = document.getElementById("connection");
const panel = document.getElementById("panel");
let refreshing = 0;

function refresh() {
  refreshing ||= setTimeout(() => {
    refreshing = 0;
    htmx.trigger("#board", "refresh");
  }, PAUSE_MS);
}

function show(state) {
  status.dataset.state = state;
  status.textContent = status.dataset[state] ?? status.textContent;
}

// A day is wider than a phone: begin where it is now, with what has just begun beside it.
const present = document.querySelector(".timeline th.now");
if (present) {
  const corner = present.parentElement.firstElementChild;
  present.closest(".scroll").scrollLeft = present.offsetLeft - corner.offsetWidth - present.offsetWidth;
}

const socket = new BoardSocket(status.dataset.socket, status.dataset.date, {
  changed: refresh,
  live: () => show("live"),
  lost: () => show("lost"),
  // The session has ended, or the venue is not ours any more: the server says what to do.
  refused: () => location.reload(),
});
socket.open();
startCountdowns(() => socket.clockOffset, refresh);

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id === "panel-body" && !panel.open) panel.showModal();
  if (detail.target.id === "board" && panel.open) htmx.trigger("#panel-body > .panel", "refresh");
  if (detail.target.closest?.("#panel")) refresh();
});
panel.addEventListener("close", () => document.getElementById("panel-body").replaceChildren());
// Whatever could not be fetched is fetched when the connection is back.
document.body.addEventListener("htmx:sendError", () => socket.suspect());
document.body.addEventListener("htmx:timeout", () => socket.suspect());
