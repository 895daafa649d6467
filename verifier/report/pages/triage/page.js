// What did the reader ask for? Filters, keys and the address, and one place that draws it all.

const search = document.getElementById("search");
const low = document.getElementById("low");
const high = document.getElementById("high");
let failed = null;

function refresh() {
  view.rows = chosen();
  body.scrollTop = 0;
  drawHead();
  drawRows();
  drawFilters();
  document.getElementById("none").hidden = view.rows.length > 0;
  document.getElementById("count").textContent = view.rows.length === ROWS.length
    ? counted(ROWS.length, "pull request")
    : `${view.rows.length.toLocaleString("en")} of ${counted(ROWS.length, "pull request")}`;
  grid.setAttribute("aria-rowcount", view.rows.length + 1);
  if (view.at == null) drawPanel();
  remember();
}

// The reader asked for other rows: what is open is one of them, or none is.
function narrowed() {
  refresh();
  if (view.at != null && !view.rows.some((row) => row.n === view.at)) open(view.rows[0]?.n ?? null);
}

function open(number) {
  view.at = number;
  drawPanel();
  reveal();
  drawRows();
  if (number == null) grid.removeAttribute("aria-activedescendant");
  else grid.setAttribute("aria-activedescendant", `row-${number}`);
  remember();
}

function remember() {
  const said = remembered();
  try {
    history.replaceState(null, "", said ? `#${said}` : location.pathname + location.search);
  } catch {
    // an address that cannot be changed is no reason to stop
  }
}

function moved(steps) {
  if (!view.rows.length) return;
  const place = view.rows.findIndex((row) => row.n === view.at);
  const next = place < 0 ? 0 : Math.min(view.rows.length - 1, Math.max(0, place + steps));
  open(view.rows[next].n);
}

// ---- filters

function toggled(list, one) {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}

function drawFilters() {
  const counts = ANSWERS.map((_, a) => ROWS.filter((row) => row.a === a).length);
  document.getElementById("answers").replaceChildren(...ANSWERS.flatMap(({ word, glyph, tone }, a) => {
    if (!counts[a]) return [];
    const onclick = () => {
      view.answers = toggled(view.answers, a);
      narrowed();
    };
    const pressed = String(view.answers.includes(a));
    return make("button", { type: "button", class: tone, "aria-pressed": pressed, onclick }, make("b", { "aria-hidden": "true" }, glyph), make("strong", null, counts[a].toLocaleString("en")), word);
  }));
  for (const name of ["kinds", "states"]) document.getElementById(`${name}-count`).textContent = view[name].length || "";
  const folded = view.kinds.length + view.states.length + (view.low != null || view.high != null);
  document.getElementById("more-count").textContent = folded || "";
  for (const box of document.querySelectorAll(".pop input")) box.checked = view[box.name].includes(box.value);
  if (search.value !== view.q) search.value = view.q;
  if (parseFloat(low.value) !== (view.low ?? NaN) && document.activeElement !== low) low.value = view.low ?? "";
  if (parseFloat(high.value) !== (view.high ?? NaN) && document.activeElement !== high) high.value = view.high ?? "";
}

function drawMenus() {
  const classes = tallied((row) => row.classes);
  const rules = tallied((row) => [...new Set(row.asked.map(([rule]) => RULES[rule].id))]);
  const titled = (title, boxes) => (boxes.length ? [make("h3", null, title), ...boxes] : []);
  document.getElementById("kinds-list").replaceChildren(
    ...titled("Class", classes.map(([name, count]) => box("kinds", name, count))),
    ...titled("Rule", rules.map(([name, count]) => box("kinds", name, count))),
  );
  const states = tallied((row) => [row.state]);
  document.getElementById("states").hidden = STATELESS;
  document.getElementById("states-list").replaceChildren(...states.map(([name, count]) => box("states", name, count)));
}

function tallied(names) {
  const counts = new Map();
  for (const row of ROWS) for (const name of names(row)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

function box(list, name, count) {
  const input = make("input", { type: "checkbox" });
  input.name = list;
  input.value = name;
  input.addEventListener("change", () => {
    view[list] = toggled(view[list], name);
    narrowed();
  });
  return make("label", null, input, make("span", { class: list === "kinds" ? "code" : "" }, theirs(name)), make("span", { class: "muted" }, count.toLocaleString("en")));
}

function reset() {
  Object.assign(view, structuredClone(EMPTY));
  low.value = high.value = search.value = "";
  refresh();
}

const number = (input) => (Number.isFinite(parseFloat(input.value)) ? parseFloat(input.value) : null);
search.addEventListener("input", () => {
  view.q = search.value;
  narrowed();
});
for (const [input, name] of [[low, "low"], [high, "high"]]) {
  input.addEventListener("input", () => {
    view[name] = number(input);
    narrowed();
  });
}
// a narrow window keeps the filters folded
const more = document.getElementById("more");
more.addEventListener("click", () => {
  more.setAttribute("aria-expanded", String(document.getElementById("filters").classList.toggle("all")));
});
document.getElementById("reset").addEventListener("click", reset);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("click", (event) => shut(event.target));
addEventListener("hashchange", () => {
  recalled(location.hash);
  refresh();
  open(view.at);
});

// ---- keys

const KEYS = {
  j: () => moved(1),
  ArrowDown: () => moved(1),
  k: () => moved(-1),
  ArrowUp: () => moved(-1),
  PageDown: () => moved(Math.floor(body.clientHeight / ROW)),
  PageUp: () => moved(-Math.floor(body.clientHeight / ROW)),
  Home: () => moved(-Infinity),
  End: () => moved(Infinity),
  "/": () => search.focus(),
  0: reset,
};
for (const a of ANSWERS.keys()) {
  KEYS[a + 1] = () => {
    view.answers = view.answers.length === 1 && view.answers[0] === a ? [] : [a];
    narrowed();
  };
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key, target } = event;
  if (key === "Escape") escaped();
  else if (target === search && key === "Enter") moved(0);
  else if (target.closest("input:not([type=checkbox])")) return;
  else if (key === "Enter" && !target.closest("input, button, summary, a")) entered();
  else if (target.closest("#panel, .menu") && /^(Arrow|Page|Home|End)/.test(key)) return;
  else if (Object.hasOwn(KEYS, key)) {
    shut(null);
    KEYS[key]();
  } else return;
  event.preventDefault();
});

// Menus close, but for the one that holds what was clicked.
function shut(clicked) {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(clicked)) menu.open = false;
}

function entered() {
  if (view.at == null) moved(0);
  panel.focus();
}

function escaped() {
  if (document.querySelector(".menu[open]")) {
    shut(null);
    grid.focus({ preventScroll: true });
  } else if (document.activeElement === search && search.value) {
    view.q = search.value = "";
    refresh();
  } else if (document.activeElement.closest("input, #panel")) {
    grid.focus({ preventScroll: true });
  } else open(null);
}

// ---- begin

recalled(location.hash);
drawMenus();
refresh();
if (view.at != null) open(view.at);
unpack().then(
  () => {
    if (view.q) refresh();
    if (view.at != null) open(view.at);
  },
  () => {
    failed = "This browser cannot unpack the findings; one from 2023 or later can. They are in triage.json too.";
    if (view.at != null) drawPanel();
  },
);
