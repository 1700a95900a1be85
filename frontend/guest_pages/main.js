// The public booking page. The server renders it, and it works without this script; with it the
// times change by themselves when others book, and a hold counts down.

import htmx from "../board/htmx.js";
import "idiomorph/htmx";
import { createClient } from "graphql-ws";
import { startCountdowns } from "../board/countdown.js";

const CHANGES = `subscription ($venue: ID!) {
  slotAvailabilityChanged(venueId: $venue) { slotId startTime version }
}`;
// A day that is looked at is fetched soon, its month's colours with more leave; never all
// who look at a venue in the same instant.
const SOON_MS = [60, 300];
const LATER_MS = [2_000, 6_000];

document.documentElement.classList.add("scripted");

let planned = 0;
let due = Infinity;

function refreshWithin([least, most]) {
  const moment = Date.now() + least + Math.random() * (most - least);
  if (moment >= due) return;
  clearTimeout(planned);
  due = moment;
  planned = setTimeout(() => {
    due = Infinity;
    htmx.trigger("#choice", "refresh");
  }, moment - Date.now());
}

function follow(venue) {
  const versions = new Map();
  let connections = 0;
  const client = createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    keepAlive: 20_000,
    // What changed while nobody listened is on a fresh page only.
    on: {
      connected: () => {
        document.documentElement.classList.add("listening");
        if (connections++) refreshWithin(SOON_MS);
      },
      closed: () => document.documentElement.classList.remove("listening"),
    },
  });
  client.subscribe(
    { query: CHANGES, variables: { venue } },
    {
      next: ({ data }) => {
        const change = data?.slotAvailabilityChanged;
        const choice = document.getElementById("choice");
        if (!change || !choice || change.version <= (versions.get(change.slotId) ?? -1)) return;
        versions.set(change.slotId, change.version);
        if (change.startTime.startsWith(choice.dataset.date)) refreshWithin(SOON_MS);
        else if (change.startTime.startsWith(choice.dataset.month)) refreshWithin(LATER_MS);
      },
      error: () => {},
      complete: () => {},
    },
  );
}

const choice = document.getElementById("choice");
if (choice) follow(choice.dataset.venue);

// On a phone the times are below the calendar.
document.body.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!detail.requestConfig?.elt.matches(".day")) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.querySelector(".day-times").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
});

// In a frame the next step begins at its top, which the site around may have scrolled away.
const step = document.querySelector(".framed .steps li + li[aria-current]");
step?.scrollIntoView({ block: "nearest" });

const hold = document.querySelector("time[data-now]");
if (hold) {
  const offset = Date.parse(hold.dataset.now) - Date.now();
  startCountdowns(() => offset, () => document.getElementById("resume").requestSubmit());
}
