// The graphql-ws client against a running server: the graphql-transport-ws protocol
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md) as apps speak it.
import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";

import { createClient, MessageType } from "graphql-ws";
import WebSocket from "ws";

import { resultOf, within } from "./waiting.mjs";
import { world } from "./world.mjs";

const WATCH = `subscription Watch($venueId: ID!) {
  slotAvailabilityChanged(venueId: $venueId) { slotId remainingCapacity }
}`;
const BOOK = `mutation Book($input: CreateBookingInput!) {
  createBooking(input: $input) { id status slot { id remainingCapacity } }
}`;
const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) { accessToken } }`;
const variables = { venueId: world.venueId };

let token = "";
const clients = [];

/** A client whose messages and events are kept, with what the options change. */
function connected(options = {}) {
  const log = { messages: [], connected: 0, closed: [] };
  const client = createClient({
    url: world.websocket,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ authorization: `Bearer ${token}` }),
    retryAttempts: 0,
    ...options,
  });
  client.on("message", (message) => log.messages.push(message));
  client.on("connected", (socket) => {
    log.connected += 1;
    log.socket = socket;
  });
  client.on("closed", (event) => log.closed.push(event.code));
  clients.push(client);
  return { client, log };
}

/** A subscription that listens already. */
async function watching(client) {
  const changes = client.iterate({ query: WATCH, variables });
  const next = () => within(changes.next(), "a change").then(({ value }) => value);
  const first = next();
  for (let round = 0; round < 3; round += 1) await resultOf(client, { query: "{ __typename }" });
  return { changes, first, next };
}

const book = (client, guestCount = 1) =>
  resultOf(client, {
    query: BOOK,
    variables: { input: { venueId: world.venueId, slotId: world.slotId, guestCount } },
  });

const closing = (socket, message) =>
  within(
    new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
      if (message) socket.send(JSON.stringify(message));
    }),
    "the end of a socket",
  );

before(async () => {
  const input = { email: world.email, password: world.password };
  const { client } = connected({ connectionParams: undefined });
  const { data } = await resultOf(client, { query: LOGIN, variables: { input } });
  token = data.login.accessToken;
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
});

test("queries, mutations and subscriptions share a socket", async () => {
  const { client, log } = connected();
  const one = await watching(client);
  const two = await watching(client);
  const booked = await book(client);
  assert.equal(booked.data.createBooking.status, "PENDING");
  for (const told of [await one.first, await two.first]) {
    assert.equal(told.data.slotAvailabilityChanged.slotId, world.slotId);
    assert.equal(
      told.data.slotAvailabilityChanged.remainingCapacity,
      booked.data.createBooking.slot.remainingCapacity,
    );
  }
  const refused = await book(client, 1000);
  assert.equal(refused.errors[0].extensions.code, "SLOT_UNAVAILABLE");
  assert.equal(log.connected, 1);
});

test("either side completes an operation", async () => {
  const { client, log } = connected();
  const { changes, first } = await watching(client);
  // Of a query the server says that it is complete, after its result.
  const [next, complete] = log.messages.filter(({ type }) => type !== MessageType.ConnectionAck);
  assert.equal(next.type, MessageType.Next);
  assert.deepEqual(complete, { id: next.id, type: MessageType.Complete });
  await changes.return();
  assert.equal((await first), undefined);
  // What the client has completed hears no more; the socket lives on.
  const before = log.messages.length;
  await book(client);
  const { data } = await resultOf(client, { query: "{ __typename }" });
  assert.equal(data.__typename, "Query");
  assert.ok(log.messages.slice(before).every(({ payload }) => !payload?.data?.slotAvailabilityChanged));
});

test("pings are answered, and an idle socket stays open", async () => {
  const { client, log } = connected({ lazy: false, keepAlive: 100, onNonLazyError: () => {} });
  await within(
    new Promise((resolve) => {
      let pongs = 0;
      client.on("pong", (received) => {
        pongs += received ? 1 : 0;
        if (pongs === 3) resolve();
      });
    }),
    "three pongs",
  );
  assert.deepEqual(log.closed, []);
});

test("a bad token closes the socket with 4403, and the next attempt may bring a good one", async () => {
  const bad = { authorization: "Bearer nonsense" };
  const once = connected({ connectionParams: bad });
  await assert.rejects(
    resultOf(once.client, { query: "{ __typename }" }),
    ({ code }) => code === 4403,
  );
  assert.deepEqual(once.log.closed, [4403]);

  let attempts = 0;
  const again = connected({
    retryAttempts: 1,
    retryWait: async () => {},
    connectionParams: () => (attempts++ ? { authorization: `Bearer ${token}` } : bad),
  });
  const { data } = await resultOf(again.client, { query: "{ me { email } }" });
  assert.equal(data.me.email, world.email);
  assert.deepEqual(again.log.closed, [4403]);
});

test("an id that is in use closes the socket with 4409", async () => {
  const { client, log } = connected();
  const { first } = await watching(client);
  first.catch(() => {});
  const subscribe = (id) => ({ id, type: MessageType.Subscribe, payload: { query: WATCH, variables } });
  log.socket.send(JSON.stringify(subscribe("one")));
  assert.equal(await closing(log.socket, subscribe("one")), 4409);
});

test("what the protocol does not know closes the socket with 4400", async () => {
  const { client, log } = connected();
  await resultOf(client, { query: "{ __typename }" });
  // The client closes a socket that it no longer needs; this one is asked first.
  const other = connected({ lazy: false, onNonLazyError: () => {} });
  await within(new Promise((resolve) => other.client.on("connected", resolve)), "a socket");
  assert.equal(await closing(other.log.socket, { type: "nonsense" }), 4400);
  assert.deepEqual(log.closed.filter((code) => code >= 4400), []);
});

test("a client that lost its socket connects again and goes on hearing", async () => {
  const { client, log } = connected({ retryAttempts: 5, retryWait: async () => {} });
  const { first } = await watching(client);
  const again = within(new Promise((resolve) => client.on("connected", resolve)), "a second socket");
  log.socket.terminate();
  await again;
  for (let round = 0; round < 3; round += 1) await resultOf(client, { query: "{ __typename }" });
  const booked = await book(client);
  const told = (await first).data.slotAvailabilityChanged;
  assert.equal(told.remainingCapacity, booked.data.createBooking.slot.remainingCapacity);
  assert.equal(log.connected, 2);
});
