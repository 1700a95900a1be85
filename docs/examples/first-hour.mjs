// The first hour with GraphQL: Node.js 20 or newer, and `npm install graphql graphql-ws ws`.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const address = process.env.ADDRESS ?? "http://localhost:4000";
let token;

class Refused extends Error {
  constructor({ message, extensions }) {
    super(`${extensions.code}: ${message}`);
    this.code = extensions.code;
    this.details = extensions;
  }
}

async function ask(query, variables = {}, key = undefined) {
  const response = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(key && { "Idempotency-Key": key }),
    },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(10_000),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Refused(errors[0]);
  return data;
}

const REGISTER = `mutation Register($input: RegisterInput!) {
  register(input: $input) { user { id } }
}`;
const LOGIN = `mutation Login($input: LoginInput!) {
  login(input: $input) { accessToken refreshToken }
}`;
const email = `node-${randomUUID()}@example.com`;
const password = "a long way to Tipperary";
await ask(REGISTER, { input: { email, password, name: "Ada Example" } });
const { login } = await ask(LOGIN, { input: { email, password } });
token = login.accessToken;

const VENUES = `{ venues(search: "museum", first: 1) { edges { node { id name } } } }`;
const DAYS = `query Days($venueId: ID!, $from: Date!, $to: Date!) {
  availabilityCalendar(venueId: $venueId, from: $from, to: $to, guestCount: 2) {
    date availableSlotCount
  }
}`;
const SLOTS = `query Slots($venueId: ID!, $date: Date!) {
  availableSlots(venueId: $venueId, date: $date, guestCount: 2) { id startTime remainingCapacity }
}`;
const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const { venues } = await ask(VENUES);
const venueId = venues.edges[0].node.id;
const { availabilityCalendar } = await ask(DAYS, { venueId, from: inDays(2), to: inDays(12) });
const { date } = availabilityCalendar.find((day) => day.availableSlotCount > 0);
const { availableSlots } = await ask(SLOTS, { venueId, date });
const slot = availableSlots[0];
console.log(`Free: ${slot.id}, ${slot.remainingCapacity} seats at ${slot.startTime}`);

const sockets = createClient({
  url: `${address.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: () => ({ authorization: `Bearer ${token}` }),
});
const WATCH = `subscription Watch($venueId: ID!) {
  slotAvailabilityChanged(venueId: $venueId) { slotId status remainingCapacity version }
}`;
await new Promise((listening) => {
  sockets.on("message", ({ type }) => type === "connection_ack" && sleep(500).then(listening));
  sockets.subscribe(
    { query: WATCH, variables: { venueId } },
    {
      next: ({ data }) => console.log("Changed:", data.slotAvailabilityChanged),
      error: (error) => console.error("The subscription ended:", error),
      complete: () => {},
    },
  );
});

const TRY_AGAIN = new Set(["SLOT_BUSY", "IDEMPOTENCY_IN_PROGRESS", "RATE_LIMITED", "SERVICE_UNAVAILABLE"]);

async function once(query, variables) {
  const key = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask(query, variables, key);
    } catch (error) {
      // No answer is no refusal: the call may have been carried out.
      const isWorthIt = !(error instanceof Refused) || TRY_AGAIN.has(error.code);
      if (!isWorthIt || attempt === 5) throw error;
      await sleep(2 ** attempt * 100 * (0.5 + Math.random()));
    }
  }
}

const HOLD = `mutation Hold($input: CreateHoldInput!) {
  createHold(input: $input) { id status holdExpiresAt }
}`;
const CONFIRM = `mutation Confirm($id: ID!) {
  confirmBooking(id: $id) { id status confirmationCode }
}`;
const { createHold } = await once(HOLD, { input: { venueId, slotId: slot.id, guestCount: 2 } });
console.log(`Held until ${createHold.holdExpiresAt}`);
const { confirmBooking } = await ask(CONFIRM, { id: createHold.id });
console.log(`${confirmBooking.status}, code ${confirmBooking.confirmationCode}`);

try {
  await once(HOLD, { input: { venueId, slotId: slot.id, guestCount: 31 } });
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.log(`Refused: ${error.code}, request ${error.details.requestId}`);
}

const CANCEL = `mutation Cancel($id: ID!) {
  cancelBooking(id: $id, reason: "Only trying.") { id status }
}`;
const { cancelBooking } = await ask(CANCEL, { id: confirmBooking.id });
console.log(cancelBooking.status);
await sleep(500);
await sockets.dispose();
