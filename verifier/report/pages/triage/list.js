// Which rows does a reader see? Only those within the window are in the document.

const grid = document.getElementById("grid");
const head = document.getElementById("head");
const body = document.getElementById("body");
const rowsWindow = document.getElementById("window");
const ROW = 34;
const AROUND = 10;
// how wide a letter of a chip is, what stands around its letters, and "+9", all in pixels
const LETTER = 6.8;
const CHIP = 16;
const MORE = 24;

const COLUMNS = [
  { sort: "number", title: "#", tone: "right", cell: (row) => String(row.n) },
  { sort: "answer", title: "Answer", tone: "answer-of", cell: answer },
  { sort: "score", title: "bpb", tone: "right", hint: "The number it claims, else its logs’ mean", cell: (row) => digits(row.b) },
  { sort: "logs", title: "− logs", tone: "right logs", hint: "What it claims less what its logs say", cell: apart },
  { sort: "who", title: "Author", tone: "who", cell: (row) => theirs(row.w) },
  { sort: "what", title: "Submission", tone: "what", cell: named },
  { sort: "found", title: "Found", tone: "found", cell: chips },
  { sort: "state", title: "State", tone: "state muted", cell: (row) => row.s },
  { sort: "from", title: "From", tone: "from muted", hint: "Nearest earlier submission, and how many lines differ", cell: from },
];

function apart(row) {
  if (row.c == null || row.l == null) return "";
  const gap = row.c - row.l;
  const said = Math.abs(gap) < 5e-5 ? "0" : (gap > 0 ? "+" : "−") + Math.abs(gap).toFixed(4);
  return make("span", { class: Math.abs(gap) >= 5e-4 ? "apart" : "muted" }, said);
}

function named(row) {
  // the day that a folder's name begins with goes first where there is little room
  const [, day, rest] = /^(\d{4}-\d\d-\d\d[_-]+)?(.*)$/s.exec(row.t);
  const made = make("bdi", null, day && rest ? make("span", { class: "day" }, day) : day, rest);
  made.title = row.f && row.f !== row.t ? `${row.t}\n${row.f}` : row.t;
  return made;
}

// As many as there is room for, and how many more: half a word says less than a number.
function chips(row) {
  const found = [];
  for (const [rule, confidence] of row.asked) {
    const { id, classes } = RULES[rule];
    for (const name of classes.length ? classes : [id]) {
      if (!found.some(([known]) => known === name)) found.push([name, CONFIDENCES[confidence].tone]);
    }
  }
  if (row.a === 3) return make("span", { class: "muted" }, row.q);
  if (row.h) found.unshift(["ruled", "note"]);
  const widths = found.map(([name]) => name.length * LETTER + CHIP);
  let left = (head.querySelector(".found")?.clientWidth ?? 0) - widths[0];
  let count = 1;
  while (count < found.length && left >= widths[count] + (count + 1 < found.length ? MORE : 0)) left -= widths[count++];
  const more = found.length - count;
  const names = found.map(([name]) => name).join(", ");
  return make(
    "span",
    { class: "chips", title: names || null },
    found.slice(0, count).map(([name, tone]) => chip(name, tone)),
    more > 0 ? make("span", { class: "muted more" }, `+${more}`) : null,
  );
}

function from(row) {
  return row.p == null ? "" : `#${row.p} · ${row.pc.toLocaleString("en")}`;
}

function drawHead() {
  grid.classList.toggle("stateless", STATELESS);
  head.replaceChildren(...COLUMNS.map(({ sort, title, tone, hint }) => {
    const sorted = view.sort !== sort ? "none" : view.down ? "descending" : "ascending";
    const button = make("button", { type: "button", title: hint, tabindex: "-1", onclick: () => sortBy(sort) }, title);
    return make("div", { role: "columnheader", class: tone, "aria-sort": sorted }, button);
  }));
  head.style.setProperty("--bar", `${body.offsetWidth - body.clientWidth}px`);
}

function sortBy(sort) {
  // the third time a column is asked for, the order of triage is back
  if (view.sort !== sort) Object.assign(view, { sort, down: false });
  else if (!view.down) view.down = true;
  else Object.assign(view, { sort: "rank", down: false });
  refresh();
}

function drawRows() {
  const first = Math.max(0, Math.floor(body.scrollTop / ROW) - AROUND);
  const last = Math.min(view.rows.length, Math.ceil((body.scrollTop + body.clientHeight) / ROW) + AROUND);
  rowsWindow.style.height = `${view.rows.length * ROW}px`;
  rowsWindow.replaceChildren(...view.rows.slice(first, last).map((row, i) => drawRow(row, first + i)));
}

function drawRow(row, place) {
  const at = row.n === view.at;
  const made = make(
    "div",
    { role: "row", class: "row", id: `row-${row.n}`, "data-n": row.n, "aria-selected": String(at), "aria-rowindex": place + 2 },
    COLUMNS.map(({ tone, cell }) => make("div", { role: "gridcell", class: tone }, cell(row))),
  );
  made.style.top = `${place * ROW}px`;
  return made;
}

function reveal() {
  const place = view.rows.findIndex((row) => row.n === view.at);
  if (place < 0) return;
  const top = place * ROW;
  if (top < body.scrollTop) body.scrollTop = top;
  else if (top + ROW > body.scrollTop + body.clientHeight) body.scrollTop = top + ROW - body.clientHeight;
}

let waiting = false;
body.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawRows();
  });
}, { passive: true });
rowsWindow.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row && !getSelection().toString()) open(Number(row.dataset.n));
});
new ResizeObserver(() => {
  drawHead();
  drawRows();
}).observe(body);
