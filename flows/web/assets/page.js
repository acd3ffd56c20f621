// The live page: one channel from the server, an engine in this browser, a pivot per dataset.
// Nothing is ever sent: what is done to a table here stays in this page.

import {attempt, fitting, keepLayout, pick, readLayout, standardLayout} from "./layout.js";
import {count, showOverview, tick} from "./overview.js";

const engineUrl = new URL(document.querySelector("script[data-engine]").dataset.engine, document.baseURI);
const SILENT_MS = 9000; // the server sends something every 2 s
const GIVEN_WAY = 1013, AWAY_MS = 30000; // other pages have taken this one's place: it waits, unless it is looked at
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => (dark.matches ? "Pro Dark" : "Pro Light");

// Perspective writes a date as the browser's language does, where a layout asks for no other style. Everything else in
// Cubefeed writes 2021-05-01, and so does Swedish.
Intl.DateTimeFormat = new Proxy(Intl.DateTimeFormat, {
  construct: (format, [languages, options]) =>
    new format(options?.dateStyle === "short" && !options.timeStyle ? "sv" : languages, options),
});

const engine = import(engineUrl).then(async ({ready, worker}) => {
  await ready;
  return worker();
});

// The page that asks for the token finds back to this path; other ports of this host do not know it.
if (location.search === "?again") history.replaceState(null, "", location.pathname + location.hash);
attempt(() => localStorage.setItem("cubefeed-path", location.pathname));

// ---- one dataset's pivot ----

class Pivot {
  constructor(name) {
    this.name = name;
    this.section = document.getElementById("pivot").content.cloneNode(true).firstElementChild;
    this.find(".bar h2").textContent = name;
    this.find(".arrange").onclick = () => this.arrange();
    this.find(".reset").onclick = () => this.restore(this.standard);
    this.find(".share").onclick = event => this.share(event.target);
    document.getElementById("pivots").append(this.section);
    this.work = Promise.resolve();
    this.tables = 0;
  }

  find(selector) { return this.section.querySelector(selector); }

  // Messages are worked on one after the other, in their order.
  take(header, cells) {
    this.work = this.work.then(() => this[header.kind](header, cells)).catch(error => this.fail(error));
  }

  async snapshot(header, cells) {
    this.header = header;
    const shape = JSON.stringify(header.types);
    if (this.shape === shape) await this.table.replace(cells);
    else await this.open(header, cells);
    this.shape = shape;
    this.describe();
  }

  async delta({removed}, cells) {
    if (!this.table) return;
    await this.table.update(cells); // what vanishes has left all totals with this
    if (removed.length) await this.table.remove(removed);
    this.describe();
  }

  async open(header, cells) {
    const client = await engine, before = this.table, id = `${this.name} ${++this.tables}`;
    this.table = await client.table(header.types, {index: header.key, name: id});
    await this.table.update(cells);
    if (!this.viewer) this.mount();
    this.standard = standardLayout(header);
    await this.viewer.load(client);
    await this.restore(fitting(readLayout(this.name), header) ?? this.standard, id);
    this.show(); // not waited for, since a page in the background draws no frames
    if (before) await before.delete({lazy: true});
  }

  mount() {
    this.viewer = document.createElement("perspective-viewer");
    this.viewer.setAttribute("aria-label", `Pivot table of ${this.name}`);
    this.find(".frame").append(this.viewer);
    this.viewer.addEventListener("perspective-config-update", () => this.changed());
    dark.addEventListener("change", () => this.viewer.restore({theme: theme()}));
  }

  // Seen only once it is arranged and fills its frame, and so nothing moves.
  async show() {
    const height = () => Math.max(0, ...Array.from(this.viewer.children, each => each.offsetHeight));
    for (let frames = 0, filled = 0; filled < 3 && frames < 90; frames++) {
      await new Promise(requestAnimationFrame);
      filled = height() > this.viewer.offsetHeight / 2 ? filled + 1 : 0;
    }
    this.find(".placeholder")?.remove();
  }

  async restore(layout, table) {
    this.restoring = true;
    try {
      await this.viewer.restore({...this.standard, ...layout, ...(table ? {table} : {}), theme: theme(), title: this.name});
    } finally { this.restoring = false; }
    if (table) this.untouched = JSON.stringify(pick(await this.viewer.save()));
    if (layout === this.standard) keepLayout(this.name, null);
    this.find(".reset").hidden = layout === this.standard;
  }

  async changed() {
    if (this.restoring) return;
    const layout = pick(await this.viewer.save()), text = JSON.stringify(layout);
    if (text === this.untouched) return;
    this.untouched = text;
    keepLayout(this.name, layout);
    this.find(".reset").hidden = false;
  }

  async arrange() {
    await this.viewer?.toggleConfig();
    this.find(".arrange").setAttribute("aria-pressed", String(Boolean((await this.viewer?.save())?.settings)));
  }

  async share(button) {
    if (this.viewer) keepLayout(this.name, pick(await this.viewer.save()));
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "It is in the address";
    setTimeout(() => { button.textContent = "Copy link"; }, 2500);
  }

  async describe() {
    const {levels, dropped} = this.header;
    const cells = count(await this.table.size(), "cell"), by = levels.map(level => level.name).join(" × ");
    this.find(".facts").textContent = by ? `${cells} by ${by}` : cells;
    const note = this.find(".note"), names = dropped.join(", ");
    note.textContent = names && `Without ${names}: with ${dropped.length > 1 ? "them" : "it"} there would be too many cells to show.`;
    note.hidden = !note.textContent;
  }

  fail(error) {
    console.error(error);
    this.table = this.shape = undefined; // the next snapshot begins anew
    const note = this.find(".note");
    note.textContent = `This table cannot be shown (${error}). Load the page again; /api/query has the numbers.`;
    note.hidden = false;
  }
}

// ---- the channel ----

const pivots = new Map();
const pivot = name => pivots.get(name) ?? pivots.set(name, new Pivot(name)).get(name);
const connection = document.getElementById("connection");
const setConnection = (state, text = state) => {
  if (connection.textContent !== text) connection.textContent = text;
  connection.dataset.state = state;
  document.body.dataset.state = state;
};

const receive = ({data}) => {
  if (typeof data === "string") {
    const overview = JSON.parse(data);
    if (overview.phase === "starting") setConnection("starting", `starting: ${overview.progress ?? "the cube is being filled"}`);
    else setConnection("live");
    Object.keys(overview.datasets).forEach(pivot);
    return showOverview(overview);
  }
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  pivot(header.dataset).take(header, data.slice(4 + length));
};

// Where the cookie is over, or another token holds, loading the page again asks for it.
const checkSignIn = () => fetch("assets/icon.svg", {cache: "no-store"}).then(
  answer => { if (answer.status === 401) location.reload(); }, () => {});

const connect = (tries = 0) => {
  const channel = new URL("live", document.baseURI);
  channel.protocol = channel.protocol.replace("http", "ws");
  const socket = new WebSocket(channel);
  socket.binaryType = "arraybuffer";
  let silence, over = false;
  const listen = () => { clearTimeout(silence); silence = setTimeout(() => end({}), SILENT_MS); };
  const end = ({code}) => {
    if (over) return;
    over = true;
    clearTimeout(silence);
    socket.onmessage = null;
    socket.close();
    if (code === GIVEN_WAY) return giveWay();
    const stopped = code === 1001 || code === 1012 || tries > 8 || (tries && connection.dataset.state === "stopped");
    if (tries > 1) checkSignIn();
    if (stopped) setConnection("stopped", "session stopped"); else setConnection("reconnecting");
    setTimeout(connect, Math.min(250 * 1.5 ** tries, 3000), tries + 1);
  };
  socket.onmessage = message => { listen(); tries = 0; receive(message); };
  socket.onclose = end;
  listen();
};

const giveWay = () => {
  setConnection("reconnecting", "too many pages are open; this one comes back when it is looked at");
  const back = () => {
    if (document.hidden) return;
    clearTimeout(waiting);
    document.removeEventListener("visibilitychange", back);
    connect();
  };
  const waiting = setTimeout(() => {
    document.removeEventListener("visibilitychange", back);
    connect();
  }, AWAY_MS);
  document.addEventListener("visibilitychange", back);
};

setInterval(tick, 1000);
engine.catch(error => setConnection("failed", `this browser cannot show the tables (${error})`));
connect();
