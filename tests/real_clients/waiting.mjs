// Waits that end.
const SECONDS = 10;

/** The promise, or a failure that says what was waited for. */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${SECONDS} s`)), SECONDS * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The first result of a query, or the failure of its sink. */
export function resultOf(sockets, payload) {
  let answer;
  return within(
    new Promise((resolve, reject) => {
      sockets.subscribe(payload, {
        next: (value) => (answer = value),
        error: reject,
        complete: () => resolve(answer),
      });
    }),
    payload.query,
  );
}

/** Subscribe to an observable at once; `value` is what it tells next, in order. */
export function nextOf(observable) {
  const values = [];
  const waiting = [];
  observable.subscribe({
    next: (value) => (waiting.shift()?.resolve ?? values.push.bind(values))(value),
    error: (error) => waiting.shift()?.reject(error),
  });
  return {
    value: () =>
      values.length
        ? Promise.resolve(values.shift())
        : within(
            new Promise((resolve, reject) => waiting.push({ resolve, reject })),
            "the next value",
          ),
    // Two queries on the same socket: when they are answered, the server listens.
    isOpen: async (sockets) => {
      for (let round = 0; round < 3; round += 1) {
        await resultOf(sockets, { query: "{ __typename }" });
      }
    },
  };
}
