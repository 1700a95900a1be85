// Who is logged in. Tokens live in memory and in sessionStorage: they end with the browser tab and
// are never part of an address. An access token is renewed by its refresh token before it runs out.

import { execute, GraphQLFailure } from "./http.js";

const STORAGE_KEY = "reserveapi.session";
const RENEW_BEFORE_SECONDS = 30;

const AUTH_PAYLOAD = "{ accessToken refreshToken user { id email name } }";
const LOG_IN = `mutation PlaygroundLogin($input: LoginInput!) { login(input: $input) ${AUTH_PAYLOAD} }`;
const RENEW = `mutation PlaygroundRenew($input: RefreshTokenInput!) { refreshToken(input: $input) ${AUTH_PAYLOAD} }`;
const LOG_OUT = "mutation PlaygroundLogout($input: LogoutInput!) { logout(input: $input) }";
const ME = "query PlaygroundMe { me { id email name } }";

const LOGGED_OUT = Object.freeze({ accessToken: null, refreshToken: null, user: null, notice: null });

/** Expiry of a JWT, seconds since 1970; null where the token does not say. */
function expiryOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload)).exp ?? null;
  } catch {
    return null;
  }
}

function isAboutToExpire(token) {
  const expiry = expiryOf(token);
  return expiry !== null && expiry - Date.now() / 1000 < RENEW_BEFORE_SECONDS;
}

/** The session of one playground page. */
export class Session {
  #endpoint;
  #storage;
  #state = LOGGED_OUT;
  #listeners = new Set();
  #renewal = null;

  constructor(endpoint, storage = window.sessionStorage) {
    this.#endpoint = endpoint;
    this.#storage = storage;
    try {
      this.#state = { ...LOGGED_OUT, ...JSON.parse(storage.getItem(STORAGE_KEY) ?? "{}"), notice: null };
    } catch {
      storage.removeItem(STORAGE_KEY);
    }
  }

  get = () => this.#state;

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #set(change) {
    this.#state = { ...this.#state, ...change };
    const { accessToken, refreshToken, user } = this.#state;
    if (accessToken) this.#storage.setItem(STORAGE_KEY, JSON.stringify({ accessToken, refreshToken, user }));
    else this.#storage.removeItem(STORAGE_KEY);
    for (const listener of this.#listeners) listener(this.#state);
  }

  async logIn(email, password) {
    const { login } = await execute(this.#endpoint, LOG_IN, { input: { email, password } });
    this.#set({ ...login, notice: null });
  }

  /** Use a token that was issued elsewhere; it cannot be renewed here. */
  async useToken(text) {
    const accessToken = text.trim().replace(/^bearer\s+/i, "");
    const { me } = await execute(this.#endpoint, ME, {}, accessToken);
    if (!me) throw new GraphQLFailure("That token belongs to nobody.", "UNAUTHENTICATED");
    this.#set({ accessToken, refreshToken: null, user: me, notice: null });
  }

  async logOut() {
    const { refreshToken } = this.#state;
    this.#set(LOGGED_OUT);
    if (!refreshToken) return;
    try {
      await execute(this.#endpoint, LOG_OUT, { input: { refreshToken } });
    } catch {
      this.#set({ notice: "Logged out here, but the server could not be told; the token runs out by itself." });
    }
  }

  /** The access token to send, renewed first where it is about to run out; null when logged out. */
  async accessToken() {
    const { accessToken, refreshToken } = this.#state;
    if (this.#renewal) await this.#renewal;
    else if (accessToken && refreshToken && isAboutToExpire(accessToken)) await this.#renew();
    return this.#state.accessToken;
  }

  /** Say that the server refused `token`. Answers whether there is another one to try. */
  async refused(token) {
    if (token !== this.#state.accessToken) return this.#state.accessToken !== null;
    if (this.#state.refreshToken) return this.#renew();
    this.#set({ ...LOGGED_OUT, notice: "The token was refused or has run out. Please log in again." });
    return false;
  }

  /** One renewal at a time, whoever asks. */
  #renew() {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  async #renewOnce() {
    const { refreshToken } = this.#state;
    try {
      const answer = await execute(this.#endpoint, RENEW, { input: { refreshToken } });
      if (this.#state.refreshToken !== refreshToken) return this.#state.accessToken !== null;
      this.#set({ ...answer.refreshToken, notice: null });
      return true;
    } catch (error) {
      if (!(error instanceof GraphQLFailure) || error.code === "RATE_LIMITED") return false;
      if (this.#state.refreshToken === refreshToken) {
        this.#set({ ...LOGGED_OUT, notice: "Your login has ended. Please log in again." });
      }
      return false;
    }
  }
}
