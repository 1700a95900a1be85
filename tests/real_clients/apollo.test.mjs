// Apollo Client against a running server: what an app built on it relies on.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";

import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  gql,
} from "@apollo/client/core";
import { SetContextLink } from "@apollo/client/link/context";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { nextOf } from "./waiting.mjs";
import { world } from "./world.mjs";

const LOGIN = gql`
  mutation Login($input: LoginInput!) {
    login(input: $input) { accessToken user { id email } }
  }
`;
const SLOTS = gql`
  query Slots($venueId: ID!, $date: Date!) {
    availableSlots(venueId: $venueId, date: $date) { id remainingCapacity venue { id name } }
  }
`;
const BOOK = gql`
  mutation Book($input: CreateBookingInput!) {
    createBooking(input: $input) { id status guestCount slot { id remainingCapacity } }
  }
`;
const BOOKING = gql`
  query Booking($id: ID!) { booking(id: $id) { id status } }
`;
const CANCEL = gql`
  mutation Cancel($id: ID!) { cancelBooking(id: $id) { id status } }
`;
const WATCH = gql`
  subscription Watch($venueId: ID!) {
    slotAvailabilityChanged(venueId: $venueId) { slotId remainingCapacity version }
  }
`;

let token = "";
const sockets = createClient({
  url: world.websocket,
  webSocketImpl: WebSocket,
  connectionParams: () => (token ? { authorization: `Bearer ${token}` } : {}),
});
const requests = [];

/** `fetch`, remembering what was sent. */
async function recorded(url, options) {
  const response = await fetch(url, options);
  requests.push({ url: String(url), options, status: response.status });
  return response;
}

function makeClient(...links) {
  const authorization = new SetContextLink(({ headers }) => ({
    headers: token ? { ...headers, authorization: `Bearer ${token}` } : headers,
  }));
  const http = new HttpLink({ uri: world.graphql, fetch: recorded });
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      ApolloLink.from([...links, authorization, http]),
    ),
  });
}

const client = makeClient();
const slotsOfTheDay = { query: SLOTS, variables: { venueId: world.venueId, date: world.date } };

before(async () => {
  const { data } = await client.mutate({
    mutation: LOGIN,
    variables: { input: { email: world.email, password: world.password } },
  });
  assert.equal(data.login.user.email, world.email);
  token = data.login.accessToken;
});
after(async () => {
  client.stop();
  await sockets.dispose();
});

test("a booking updates the cache, and the subscription tells of it", async () => {
  const seen = nextOf(client.subscribe({ query: WATCH, variables: { venueId: world.venueId } }));
  await seen.isOpen(sockets);
  const before = await client.query(slotsOfTheDay);
  const slot = before.data.availableSlots[0];
  assert.equal(slot.venue.id, world.venueId);

  const booked = await client.mutate({
    mutation: BOOK,
    variables: { input: { venueId: world.venueId, slotId: slot.id, guestCount: 3 } },
  });
  const booking = booked.data.createBooking;
  assert.equal(booking.status, "PENDING");
  assert.equal(booking.slot.remainingCapacity, slot.remainingCapacity - 3);

  // The cache holds one slot under its id: the list shows what the mutation answered.
  const shown = client.readQuery(slotsOfTheDay).availableSlots;
  assert.equal(shown.find(({ id }) => id === slot.id).remainingCapacity, slot.remainingCapacity - 3);

  const { data } = await seen.value();
  assert.equal(data.slotAvailabilityChanged.slotId, slot.id);
  assert.equal(data.slotAvailabilityChanged.remainingCapacity, slot.remainingCapacity - 3);

  const cancelled = await client.mutate({ mutation: CANCEL, variables: { id: booking.id } });
  assert.equal(cancelled.data.cancelBooking.status, "CANCELLED");
  const read = await client.query({
    query: BOOKING,
    variables: { id: booking.id },
    fetchPolicy: "network-only",
  });
  assert.equal(read.data.booking.status, "CANCELLED");
});

test("refusals reach the app with their codes and details", async () => {
  const slotId = (await client.query({ ...slotsOfTheDay, fetchPolicy: "network-only" })).data
    .availableSlots[0].id;
  const refused = (input) =>
    client.mutate({ mutation: BOOK, variables: { input } }).then(
      () => assert.fail("was not refused"),
      (error) => {
        assert.ok(CombinedGraphQLErrors.is(error), String(error));
        return error.errors[0].extensions;
      },
    );
  const tooMany = await refused({ venueId: world.venueId, slotId, guestCount: 11 });
  assert.equal(tooMany.code, "SLOT_UNAVAILABLE");
  assert.equal(tooMany.remainingCapacity, 10);
  assert.ok(tooMany.requestId);
  const absent = await refused({ venueId: world.venueId, slotId: world.absentSlotId, guestCount: 1 });
  assert.equal(absent.code, "NOT_FOUND");
  const wrong = await refused({ venueId: world.venueId, slotId: "slot", guestCount: 1 });
  assert.equal(wrong.code, "BAD_USER_INPUT");
  await assert.rejects(
    client.mutate({
      mutation: LOGIN,
      variables: { input: { email: world.email, password: "not this one" } },
    }),
    (error) => error.errors[0].extensions.code === "UNAUTHENTICATED",
  );
});

for (const useGETForHashedQueries of [false, true]) {
  const by = useGETForHashedQueries ? "GET" : "POST";
  test(`automatic persisted queries by ${by} send a document once`, async () => {
    const sha256 = (text) => createHash("sha256").update(text).digest("hex");
    const persisted = makeClient(new PersistedQueryLink({ sha256, useGETForHashedQueries }));
    // A document that nobody sent before.
    const query = gql`query Persisted${by}${world.nonce}($venueId: ID!) {
      venue(id: $venueId) { id name }
    }`;
    requests.length = 0;
    for (let round = 0; round < 2; round += 1) {
      const { data } = await persisted.query({
        query,
        variables: { venueId: world.venueId },
        fetchPolicy: "network-only",
      });
      assert.equal(data.venue.id, world.venueId);
    }
    const withDocument = requests.map(
      ({ url, options }) => /[?&]query=/.test(url) || /"query":/.test(options.body ?? ""),
    );
    assert.deepEqual(withDocument, [false, true, false]);
    // Unknown, in the media type that says so by its status; then run, twice.
    assert.deepEqual(requests.map(({ status }) => status), [400, 200, 200]);
    assert.equal(requests.at(-1).options.method, by);
    persisted.stop();
  });
}
