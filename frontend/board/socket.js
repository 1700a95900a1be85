// The socket of a board: reconnects with backoff, and starts from the snapshot each time.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const PING_EVERY_MS = 10_000;
// Without a word for so long, nobody is there.
const SILENCE_MS = 15_000;
// Session ended, forbidden, no such venue.
const REFUSALS = new Set([4401, 4403, 4404]);

export class BoardSocket {
  #address;
  #date;
  #on;
  #socket = null;
  #delay = FIRST_DELAY_MS;
  #versions = new Map();
  #heardAt = 0;
  /** Milliseconds by which the server's clock is ahead of this one. */
  clockOffset = 0;

  constructor(path, date, on) {
    this.#address = Object.assign(new URL(path, location.href), { protocol: location.protocol === "https:" ? "wss:" : "ws:" });
    this.#date = date;
    this.#on = on;
    setInterval(() => this.#check(), PING_EVERY_MS);
    addEventListener("online", () => this.suspect());
    addEventListener("offline", () => this.suspect());
  }

  open() {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onopen = () => socket.send(JSON.stringify({ type: "watch", date: this.#date }));
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = ({ code }) => this.#lose(socket, code);
  }

  /** Something failed that should not have: see whether the socket still lives. */
  suspect() {
    this.#heardAt = Math.min(this.#heardAt, Date.now() - SILENCE_MS + 2_000);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send('{"type":"ping"}');
    setTimeout(() => this.#check(), 2_500);
  }

  #check() {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#heardAt > SILENCE_MS) {
      // Closing waits for an answer that will not come.
      socket.close();
      this.#lose(socket, 1006);
    } else {
      socket.send('{"type":"ping"}');
    }
  }

  #hear(message) {
    this.#heardAt = Date.now();
    if (message.type === "snapshot") {
      // Of two, the first is of the day that the venue calls today.
      if (message.date !== this.#date) return;
      this.clockOffset = Date.parse(message.now) - Date.now();
      this.#versions = new Map([...message.slots, ...message.bookings].map(({ id, version }) => [id, version]));
      this.#delay = FIRST_DELAY_MS;
      this.#on.live();
      // The page was rendered before the socket was open.
      this.#on.changed();
      return;
    }
    const news = message.slot ?? message.booking;
    if (!news || news.version <= (this.#versions.get(news.id) ?? -1)) return;
    this.#versions.set(news.id, news.version);
    this.#on.changed();
  }

  #lose(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (REFUSALS.has(code)) {
      this.#on.refused();
      return;
    }
    this.#on.lost();
    setTimeout(() => this.open(), this.#delay * (0.5 + Math.random()));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }
}
