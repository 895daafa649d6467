// What is there to show? The rows as they were embedded, and which of them the filters leave.
// Text arrives legible and is only ever set as text.

const read = JSON.parse(document.getElementById("index").textContent);
const RULES = read.rules;
const ROWS = read.rows;
const BY_NUMBER = new Map(ROWS.map((row) => [row.n, row]));
const ANSWERS = [
  { word: "violation", glyph: "✗", tone: "violation" },
  { word: "review", glyph: "?", tone: "review" },
  { word: "nothing found", glyph: "○", tone: "nothing" },
  { word: "not screened", glyph: "–", tone: "unscreened" },
];
const CONFIDENCES = [
  { word: "violation", glyph: "✗", tone: "violation" },
  { word: "review", glyph: "?", tone: "review" },
  { word: "note", glyph: "·", tone: "note" },
];
const NOTE = 2;
const [DISMISSED, UPHELD] = [1, 2];
const NO_STATE = "unknown";

for (const row of ROWS) {
  row.asked = row.r.filter(([, confidence, , ruling]) => ruling === UPHELD || (confidence < NOTE && ruling !== DISMISSED));
  row.classes = [...new Set(row.asked.flatMap(([rule]) => RULES[rule].classes))];
  row.kinds = new Set([...row.classes, ...row.asked.map(([rule]) => RULES[rule].id)]);
  row.state = row.s || NO_STATE;
  row.children = [];
  const rules = row.r.map(([rule]) => RULES[rule].id);
  row.text = [`#${row.n}`, row.w, row.t, row.f, row.state, ANSWERS[row.a].word, ...row.classes, ...rules]
    .join("\n").toLowerCase();
}
// what a clone alone does not say: no column and no filter for it
const STATELESS = ROWS.every((row) => !row.s);
for (const row of ROWS) BY_NUMBER.get(row.p)?.children.push(row.n);

// ---- findings, diffs: packed, since they are most of the bytes

let details = null;

async function unpack() {
  const packed = atob(document.getElementById("details").textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  details = JSON.parse(await new Response(stream).text());
  details.forEach((detail, place) => {
    const row = ROWS[place];
    row.detail = detail;
    row.text += "\n" + spoken(detail).join("\n").toLowerCase();
  });
}

function spoken(detail) {
  const remarks = detail.m.flatMap(([, , said, , , places]) => [said, ...places.flatMap(([path, , text]) => [path, text])]);
  return [...detail.k.map(([, value]) => value), ...remarks, ...detail.x, detail.q];
}

// ---- which rows, in which order

const EMPTY = { q: "", answers: [], states: [], kinds: [], low: null, high: null, sort: "rank", down: false };
const view = { ...structuredClone(EMPTY), at: null, rows: [] };

const rank = (row) => [row.s === "open" ? 0 : 1, row.a, row.b ?? Infinity, row.n];
const SORTS = {
  rank,
  number: (row) => [row.n],
  answer: (row) => [row.a, ...rank(row)],
  score: (row) => [row.b ?? Infinity, row.n],
  logs: (row) => [row.c == null || row.l == null ? Infinity : row.c - row.l, row.n],
  who: (row) => [row.w.toLowerCase() || "\uffff", ...rank(row)],
  what: (row) => [row.t.toLowerCase() || "\uffff", ...rank(row)],
  found: (row) => [-row.asked.length, ...rank(row)],
  state: (row) => [row.state, ...rank(row)],
  from: (row) => [row.pc ?? Infinity, row.n],
};

function compared(one, other) {
  for (let i = 0; i < one.length; i++) {
    if (one[i] < other[i]) return -1;
    if (one[i] > other[i]) return 1;
  }
  return 0;
}

function fits(row, words) {
  if (view.answers.length && !view.answers.includes(row.a)) return false;
  if (view.states.length && !view.states.includes(row.state)) return false;
  if (view.kinds.length && !view.kinds.some((kind) => row.kinds.has(kind))) return false;
  if (view.low != null && !(row.b >= view.low)) return false;
  if (view.high != null && !(row.b != null && row.b <= view.high)) return false;
  return words.every((word) => row.text.includes(word));
}

function chosen() {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const key = SORTS[view.sort] ?? rank;
  const keyed = ROWS.filter((row) => fits(row, words)).map((row) => [key(row), row]);
  keyed.sort(([one], [other]) => compared(one, other));
  const rows = keyed.map(([, row]) => row);
  return view.down ? rows.reverse() : rows;
}

// ---- the address keeps what is shown, so that it can be sent to a colleague

function remembered() {
  const said = new URLSearchParams();
  if (view.at != null) said.set("pr", view.at);
  if (view.q) said.set("q", view.q);
  for (const name of ["answers", "states", "kinds"]) for (const one of view[name]) said.append(name, one);
  for (const name of ["low", "high"]) if (view[name] != null) said.set(name, view[name]);
  if (view.sort !== "rank" || view.down) said.set("sort", (view.down ? "-" : "") + view.sort);
  return said.toString();
}

function recalled(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (name) => {
    const value = parseFloat(said.get(name));
    return Number.isFinite(value) ? value : null;
  };
  const sort = said.get("sort") ?? "rank";
  Object.assign(view, structuredClone(EMPTY), {
    q: (said.get("q") ?? "").slice(0, 200),
    answers: said.getAll("answers").map(Number).filter((answer) => answer in ANSWERS),
    states: said.getAll("states"),
    kinds: said.getAll("kinds"),
    low: number("low"),
    high: number("high"),
    sort: Object.hasOwn(SORTS, sort.replace(/^-/, "")) ? sort.replace(/^-/, "") : "rank",
    down: sort.startsWith("-"),
    at: BY_NUMBER.has(number("pr")) ? number("pr") : null,
  });
}
