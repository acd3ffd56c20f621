// What surrounds the pivots: freshness, refused, waiting and loaded files. All text goes in as text.

const list = id => document.querySelector(`#${id} ul`);

// Names and values from files are text, without what turns it round or cannot be seen; as the terminal shows it.
const plain = text => typeof text !== "string" ? text : text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, sign => {
  const number = sign.codePointAt(0);
  const [letter, size] = number < 0x100 ? ["x", 2] : number < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${number.toString(16).padStart(size, "0")}`;
});

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made[name] = plain(value);
  made.append(...children.filter(child => child != null && child !== "").map(plain));
  return made;
};

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

// A time that says how long ago it was, and keeps being so.
const ago = utc => element("time", {dateTime: utc, title: utc.replace("T", " ").slice(0, 19) + " UTC"});

const age = seconds => {
  if (seconds < 2) return "just now";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]])
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return `${Math.floor(seconds)} s ago`;
};

let clockAhead = 0; // how far this computer's clock is ahead of the server's, in ms

export const tick = () => {
  for (const time of document.querySelectorAll("time")) {
    const text = age((Date.now() - clockAhead - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
};

// Replace a list only where it has changed, so that nothing flickers and no selection is lost.
const fill = (id, items) => {
  const to = list(id), made = element("ul");
  made.append(...items.length ? items : [element("li", {className: "quiet", textContent: "none"})]);
  for (const time of made.querySelectorAll("time")) time.textContent = "";
  if (to.dataset.shown !== made.innerHTML) {
    to.dataset.shown = made.innerHTML;
    to.replaceChildren(...made.childNodes);
  }
};

const finding = first => first && [
  first.line ? `line ${first.line}` : "", first.column, first.rule,
  first.raw == null ? "" : `“${first.raw}”`, first.expected ? `expected ${first.expected}` : "",
].filter(Boolean).join(" · ");

const freshness = (name, facts, complaints) => {
  const own = complaints.filter(text => text.startsWith(`${name}: `)).map(text => text.slice(name.length + 2));
  return element("li", {className: own.length ? "bad" : facts.ready ? "good" : ""},
    element("strong", {}, name),
    element("span", {}, facts.ready ? count(facts.rows, "row") : "being filled"),
    element("span", {className: "quiet"}, facts.last_loaded_utc ? "loaded " : "nothing loaded yet",
      facts.last_loaded_utc ? ago(facts.last_loaded_utc) : ""),
    facts.report_day && report(name, facts.report_day),
    ...own.map(text => element("span", {className: "why"}, text)),
    ...facts.warnings.slice(0, 3).map(({file, warning}) => element("span", {className: "why"}, `${file}: ${warning}`)));
};

const dayClasses = {late: "bad", restated: "restated", closed: "good", arrived: "good"};

const day = (name, {day, state, words}, named) => element("li", {className: dayClasses[state] ?? ""},
  element("strong", {}, named ? `${name} · ${day}` : day), element("span", {className: "quiet"}, ""),
  element("span", {className: state === "late" ? "why" : "quiet"}, words));

const fullDisk = text => element("li", {className: "bad"}, element("strong", {}, "disk"), element("span", {className: "why"}, text));

const report = (name, day) => element("a", {
  href: `reports/${encodeURIComponent(name)}/${day}.html`, className: "report", textContent: `Report of ${day}`,
});

const letPass = ({tolerated}) => tolerated && element("span", {className: "let-pass quiet"}, `let pass: ${tolerated}`);

const loaded = file => element("li", {className: file.state},
  element("strong", {title: file.file}, file.file),
  element("span", {}, file.state === "loaded" ? count(file.rows, "row") : file.state,
    file.refused && file.state === "loaded" ? `, ${file.refused} refused` : "",
    file.findings ? `, ${count(file.findings, "finding")}` : ""),
  element("span", {className: "quiet"}, ago(file.loaded_utc || file.detected_utc)),
  file.state === "quarantined" ? "" : letPass(file)); // a refused file says it in the list of those

const refused = file => element("li", {className: "bad"},
  element("strong", {title: file.file}, file.file),
  element("span", {className: "quiet"}, ago(file.detected_utc)),
  element("span", {className: "why"}, finding(file.first_finding) || file.reason || "refused"), letPass(file));

const waiting = ({file, for: why}) => element("li", {},
  element("strong", {title: file}, file), element("span", {className: "quiet"}, why));

const elsewhere = overview => [["Prefect", overview.prefect_url], [overview.engine === "atoti" ? "Atoti" : "Engine", overview.engine_url]]
  .filter(([, address]) => /^https?:\/\//.test(address ?? ""));

const links = overview => [...elsewhere(overview), ["API", "openapi.json"], ["Metrics", "metrics"]]
  .map(([text, href]) => element("a", {href, textContent: text, rel: "noreferrer"}));

export const showOverview = overview => {
  clockAhead = Date.now() - Date.parse(overview.now_utc);
  document.getElementById("session").textContent = `${overview.engine} engine`;
  const nav = document.getElementById("links"), made = links(overview);
  if (made.map(a => a.href).join() !== [...nav.children].map(a => a.href).join()) nav.replaceChildren(...made);
  const datasets = Object.entries(overview.datasets);
  fill("health", [
    ...datasets.map(([name, facts]) => freshness(name, facts, overview.complaints)),
    ...(overview.disks ?? []).map(disk => disk.warning).filter(Boolean).map(fullDisk),
  ]);
  const many = datasets.length > 1;
  const days = datasets.flatMap(([name, {days}]) => (days ?? []).slice(0, many ? 3 : 7).map(each => day(name, each, many)));
  document.getElementById("days").hidden = !days.length;
  fill("days", days);
  fill("recent", overview.recent.map(loaded));
  fill("refused", overview.refused.map(refused));
  fill("waiting", Object.values(overview.datasets).flatMap(facts => facts.waits).slice(0, 8).map(waiting));
  document.body.classList.add("has-overview");
  tick();
};
