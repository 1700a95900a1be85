// What a first visit finds in the tabs: the documents of the contract, word for word, and one that
// finds the ids they need. Afterwards GraphiQL keeps the visitor's own tabs.

const HOW_TO_FIND_IDS = `# Ids that end in "..." are examples. Real ones:
#   venue    run FindVenues
#   slot     run GetAvailableSlots
#   booking  in the answer of CreateBooking
`;

const LOGIN = `# This shows what the demo customer's login answers.
# To stay logged in, use the bar above: it sends the
# token with every tab.
mutation Login {
  login(
    input: {
      email: "user@example.com",
      password: "securepass"
    }
  ) {
    accessToken
    refreshToken
    user {
      id
      email
      name
    }
  }
}
`;

const FIND_VENUES = `# Run this, then copy a venue's id to the other tabs.
query FindVenues {
  venues(first: 5) {
    edges {
      node {
        id
        name
        timezone
      }
    }
  }
}
`;

const GET_AVAILABLE_SLOTS = `${HOW_TO_FIND_IDS}# The date is the venue's local one, from today on.
query GetAvailableSlots {
  availableSlots(
    venueId: "venue_01HQ3...",
    date: "2025-04-15"
  ) {
    id
    startTime
    endTime
    status
    capacity
    remainingCapacity
  }
}
`;

const CREATE_BOOKING = `${HOW_TO_FIND_IDS}# Log in first, in the bar above.
mutation CreateBooking {
  createBooking(
    input: {
      slotId: "slot_01HQ3...",
      venueId: "venue_01HQ3...",
      guestCount: 4,
      notes: "Window seat preferred"
    }
  ) {
    id
    status
    confirmationCode
    slot {
      startTime
      endTime
    }
    venue {
      name
      address
    }
  }
}
`;

const CANCEL_BOOKING = `${HOW_TO_FIND_IDS}mutation CancelBooking {
  cancelBooking(id: "booking_01HQ3...") {
    id
    status
    cancelledAt
  }
}
`;

const ON_SLOT_UPDATED = `${HOW_TO_FIND_IDS}# Leave this running, and book in another window.
subscription OnSlotUpdated {
  slotAvailabilityChanged(
    venueId: "venue_01HQ3..."
  ) {
    slotId
    status
    remainingCapacity
  }
}
`;

export const DEFAULT_TABS = [LOGIN, FIND_VENUES, GET_AVAILABLE_SLOTS, CREATE_BOOKING, CANCEL_BOOKING, ON_SLOT_UPDATED].map(
  (query) => ({ query: query.trimEnd() }),
);
