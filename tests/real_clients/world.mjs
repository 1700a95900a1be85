// What the test that starts this made: addresses, ids and a login.
export const world = JSON.parse(process.env.WORLD);
