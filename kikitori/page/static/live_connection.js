// @ts-check
// The connection of a live session. If it is lost, it is opened again after growing waits, and what was not heard is
// sent again.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const QUIET_MS = 10_000; // after so long without a word from the server, the page looks whether it is there
const PATIENCE_MS = 5_000;
const MOST_UNSENT = 256_000; // bytes that the browser may hold; the rest waits here
const GOES_ON = ["live_idle", "stopping"]; // codes of errors after which a new session may be begun

/**
 * The address of a route of this page, also behind a proxy that serves it in a folder.
 * @param {string} route
 * @param {string} at the page's address
 */
export function pageAddress(route, at) {
  const { origin, pathname } = new URL(at);
  return `${origin}${pathname.replace(/\/*$/, "/")}${route}`;
}

/**
 * The address of the session.
 * @param {string} direction
 * @param {string} language
 * @param {string} at the page's address
 */
export function soundAddress(direction, language, at) {
  const query = new URLSearchParams({ model: direction, ...(language ? { language } : {}) });
  return `${pageAddress("live/sound", at).replace(/^http/, "ws")}?${query}`; // https becomes wss
}

/**
 * Why there is no live text now.
 * @returns {Promise<{ text: string, code: string, values: any } | "gone" | null>} null if there is; "gone": no answer
 */
export async function askServer() {
  try {
    const address = pageAddress("live", location.href);
    const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return response.ok ? ((await response.json()).errors?.[0] ?? null) : "gone";
  } catch {
    return "gone";
  }
}

/** How long to wait before the connection is tried again, in milliseconds. */
export const waitBefore = (/** @type {number} */ attempt) => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);

export class LiveConnection {
  /**
   * @param {string} address
   * @param {import("./pcm.js").Sound} sound
   * @param {import("./live_captions.js").Captions} captions
   * @param {(trouble: "lost" | "blocked" | "over" | { text: string, code: string, values: any }) => void} onState
   * @param {(event: any) => void} onEvent
   */
  constructor(address, sound, captions, onState, onEvent) {
    this.address = address;
    this.sound = sound;
    this.captions = captions;
    this.onState = onState;
    this.onEvent = onEvent;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** Whether the server has begun the session. */
    this.isOpen = false;
    this.isEnded = false;
    this.sent = 0;
    this.attempt = 0;
    this.wasOpen = false;
    this.retryAt = 0;
    this.heardAt = 0;
    this.isAsking = false;
    /** The server's last error, which says why it closes the connection. */
    this.error = /** @type {any} */ (null);
    this.online = () => this.isOpen || this.socket || this.open();
    this.offline = () => this.socket && this.lose(this.socket);
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    this.timer = setInterval(() => this.tick(), 1000);
    this.open();
  }

  open() {
    if (this.isEnded) return;
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.error = null;
    this.heardAt = performance.now();
    socket.onmessage = ({ data }) => this.socket === socket && this.take(JSON.parse(data));
    socket.onclose = () => this.lose(socket);
  }

  /** Send what was recorded, and look after the connection. Called for each part of the sound, also in the background. */
  tick() {
    const now = performance.now();
    if (this.isEnded) return;
    if (!this.socket) return void (now >= this.retryAt && !this.isAsking && this.open());
    if (this.isOpen) this.send(this.socket);
    if (now - this.heardAt > QUIET_MS) this.look(this.socket);
  }

  /** @param {WebSocket} socket */
  send(socket) {
    while (this.sent < this.sound.length && socket.bufferedAmount < MOST_UNSENT) {
      const part = this.sound.from(this.sent);
      socket.send(part);
      this.sent += part.length;
    }
  }

  /** @param {any} event */
  take(event) {
    this.heardAt = performance.now();
    if (event.type === "error") this.error = event.error;
    if (event.type === "session.created") {
      this.isOpen = this.wasOpen = true;
      this.attempt = 0;
      this.sent = this.captions.begin();
    }
    this.onEvent(event);
    this.tick();
  }

  /**
   * A network that is gone may leave a connection that looks open.
   * @param {WebSocket} socket
   */
  async look(socket) {
    this.heardAt = performance.now();
    if ((await askServer()) === "gone" && this.socket === socket) this.lose(socket);
  }

  /** @param {WebSocket} socket that was closed, or leads nowhere */
  async lose(socket) {
    if (this.socket !== socket || this.isEnded) return;
    this.socket = null;
    this.isOpen = false;
    socket.close();
    this.retryAt = performance.now() + waitBefore(this.attempt++);
    const { error } = this;
    if (error?.code === "live_ended") return this.end("over");
    if (error && error.type !== "server_error" && !GOES_ON.includes(error.code)) {
      return this.end({ text: error.message, code: "", values: {} });
    }
    this.isAsking = true;
    this.onState("lost");
    const refusal = await askServer();
    this.isAsking = false;
    if (this.isEnded || this.socket) return;
    if (refusal && refusal !== "gone") this.onState(refusal);
    else if (!refusal && !this.wasOpen) this.onState("blocked");
  }

  /** @param {"over" | { text: string, code: string, values: any }} why */
  end(why) {
    this.close();
    this.onState(why);
  }

  /** End it; nothing is sent or said any longer. */
  close() {
    this.isEnded = true;
    clearInterval(this.timer);
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    this.socket?.close();
    this.socket = null;
    this.isOpen = false;
  }
}
