// The bar above GraphiQL: the product's name, who is logged in, and the way in and out.

import { useEffect, useId, useRef, useState, useSyncExternalStore } from "react";

import { GraphQLFailure } from "./http.js";

const MESSAGES = {
  RATE_LIMITED: "Too many attempts. Please wait a minute, then try again.",
};

function messageOf(error) {
  if (error instanceof GraphQLFailure) return MESSAGES[error.code] ?? error.message;
  return "The server cannot be reached. Is it running?";
}

function Brand() {
  return (
    <a className="brand" href="/graphql" aria-label="ReserveAPI, GraphQL playground">
      <svg className="brand-mark" viewBox="0 0 24 24" aria-hidden="true">
        <rect x="2" y="2" width="20" height="20" rx="6" />
        <path d="M8 17V7h4.6a3.1 3.1 0 0 1 0 6.2H8m4.2 0L16 17" />
      </svg>
      <span className="brand-name">
        Reserve<b>API</b>
      </span>
      <span className="brand-page">GraphQL playground</span>
    </a>
  );
}

function LoginForm({ session, onDone }) {
  const [way, setWay] = useState("password");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const id = useId();
  const first = useRef(null);
  const switched = useRef(false);

  useEffect(() => {
    if (switched.current) first.current?.focus();
  }, [way]);

  async function submit(event) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      if (way === "password") await session.logIn(fields.get("email").trim(), fields.get("password"));
      else await session.useToken(fields.get("token"));
      onDone();
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
      first.current?.focus();
    }
  }

  function switchWay() {
    switched.current = true;
    setError(null);
    setWay(way === "password" ? "token" : "password");
  }

  const describedBy = error ? `${id}-error` : undefined;
  return (
    <form className="login" onSubmit={submit} aria-label="Log in" autoComplete="on">
      {way === "password" ? (
        <>
          <label className="field" htmlFor={`${id}-email`}>
            <span>E-mail</span>
            <input
              ref={first}
              id={`${id}-email`}
              name="email"
              type="email"
              autoComplete="username"
              placeholder="user@example.com"
              required
              aria-invalid={Boolean(error)}
              aria-describedby={describedBy}
            />
          </label>
          <label className="field" htmlFor={`${id}-password`}>
            <span>Password</span>
            <input
              id={`${id}-password`}
              name="password"
              type="password"
              autoComplete="current-password"
              required
              aria-invalid={Boolean(error)}
              aria-describedby={describedBy}
            />
          </label>
        </>
      ) : (
        <label className="field field-wide" htmlFor={`${id}-token`}>
          <span>Access token</span>
          <input
            ref={first}
            id={`${id}-token`}
            name="token"
            type="password"
            autoComplete="off"
            spellCheck="false"
            required
            aria-invalid={Boolean(error)}
            aria-describedby={describedBy}
          />
        </label>
      )}
      <button className="button button-main" type="submit" disabled={busy}>
        {busy ? "One moment…" : way === "password" ? "Log in" : "Use token"}
      </button>
      <button className="button button-quiet" type="button" onClick={switchWay}>
        {way === "password" ? "Paste a token" : "Use a password"}
      </button>
      {error && (
        <p className="problem" role="alert" id={`${id}-error`}>
          {error}
        </p>
      )}
    </form>
  );
}

function CopyToken({ token }) {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);

  // Browsers offer the clipboard on https and on localhost only.
  if (!navigator.clipboard) return null;
  return (
    <button
      className="button button-quiet"
      type="button"
      onClick={() => navigator.clipboard.writeText(token).then(() => setCopied(true), () => setCopied(false))}
    >
      {copied ? "Copied" : "Copy token"}
    </button>
  );
}

function WhoIsLoggedIn({ session, user, accessToken }) {
  const name = user?.name || user?.email || "Somebody";
  return (
    <div className="who">
      <span className="avatar" aria-hidden="true">
        {name.trim().charAt(0).toUpperCase()}
      </span>
      <span className="who-text">
        <span className="visually-hidden">Logged in as </span>
        <span className="who-name">{name}</span>
        {user?.email && user.email !== name && <span className="who-email">{user.email}</span>}
      </span>
      <CopyToken token={accessToken} />
      <button className="button" type="button" onClick={() => session.logOut()}>
        Log out
      </button>
    </div>
  );
}

export function SessionBar({ session }) {
  const { accessToken, user, notice } = useSyncExternalStore(session.subscribe, session.get);
  const [open, setOpen] = useState(false);
  const panel = useId();
  const loggedIn = accessToken !== null;

  return (
    <header className="bar" data-open={open && !loggedIn}>
      <Brand />
      {!loggedIn && (
        <button
          className="button bar-toggle"
          type="button"
          aria-expanded={open}
          aria-controls={panel}
          onClick={() => setOpen(!open)}
        >
          {open ? "Close" : "Log in…"}
        </button>
      )}
      <div className="bar-session" id={panel}>
        {loggedIn ? (
          <WhoIsLoggedIn session={session} user={user} accessToken={accessToken} />
        ) : (
          <LoginForm session={session} onDone={() => setOpen(false)} />
        )}
      </div>
      <p className="bar-notice" role="status">
        {notice}
      </p>
    </header>
  );
}
