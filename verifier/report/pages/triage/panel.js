// What is there to know about one pull request? And, while none is chosen, about all of them.

const panel = document.getElementById("panel");
const LINEAGE_AT_MOST = 12;
const BESIDE_AT_MOST = 240;

function drawPanel() {
  const row = BY_NUMBER.get(view.at);
  document.body.classList.toggle("open", row != null);
  panel.replaceChildren(...(row ? one(row) : all()));
  panel.scrollTop = 0;
}

function one(row) {
  const made = [title(row)];
  if (!row.detail) return [...made, make("p", { class: "muted" }, failed ?? "Unpacking findings …")];
  const { k, m, x, q, e, z } = row.detail;
  const gone = new Set(z.filter(([, dismissed]) => dismissed).map(([name]) => name));
  const upheld = new Set(z.filter(([, dismissed]) => !dismissed).map(([name]) => name));
  const asks = ([rule, confidence]) => confidence < NOTE || upheld.has(RULES[rule].id);
  const found = groups(m.filter(asks));
  const [asked, dismissed] = [false, true].map((is) => found.filter(([[rule]]) => gone.has(RULES[rule].id) === is));
  const notes = m.filter((remark) => !asks(remark));
  if (q) made.push(make("p", null, theirs(q)));
  made.push(...beside(x));
  if (asked.length) made.push(make("h3", null, "Where to look"), ...asked.map((group) => finding(group, row)));
  if (dismissed.length) made.push(make("h3", null, "Dismissed by a person"), ...dismissed.map((group) => finding(group, row)));
  if (k.length) made.push(make("h3", null, "What it says of itself"), facts([...k, ["head", e]]));
  made.push(...lineage(row));
  if (notes.length) made.push(noted(notes));
  return made;
}

// What the pull request is, besides: a few words stand, many are folded so that findings come first.
function beside(sentences) {
  const said = sentences.map((one) => make("p", { class: "muted small" }, theirs(one)));
  if (sentences.join("").length <= BESIDE_AT_MOST) return said;
  const [first, ...rest] = sentences[0].length <= BESIDE_AT_MOST ? said : [null, ...said];
  const folders = sentences.filter((one) => one.startsWith("it also adds ")).length;
  const word = folders ? `and ${counted(folders, "more folder")}` : `${first ? "and " : ""}${counted(rest.length, "remark")} on the pull request`;
  return [first, make("details", { class: "beside" }, make("summary", null, word), rest)].filter(Boolean);
}

function title(row) {
  const shut = make("button", { type: "button", "aria-label": "Close", title: "Close (Esc)", onclick: () => open(null) }, "✕");
  const name = `#${row.n}`;
  const made = [answer(row), name, row.s, theirs(row.w), row.d.slice(0, 10)].filter(Boolean);
  return make(
    "div",
    null,
    make("div", { class: "bar" }, made.map((part, i) => (i === 1 ? address(row.n) : make("span", null, part))), shut),
    make("h2", null, theirs(row.t || row.f || name)),
    make("p", { class: "muted small code" }, theirs(row.f)),
  );
}

// Where the repository has an address, a pull request has one too; nothing is asked for by itself.
function address(number) {
  if (!/^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(read.repository)) return make("span", null, `#${number}`);
  const made = make("a", null, `#${number}`);
  made.href = `https://github.com/${read.repository}/pull/${number}`;
  made.rel = "noreferrer noopener";
  return made;
}

function groups(remarks) {
  const found = new Map();
  for (const remark of remarks) {
    const key = `${remark[1]} ${remark[0]}`;
    found.set(key, [...(found.get(key) ?? []), remark]);
  }
  return [...found.values()];
}

function finding(group, row) {
  const [rule, confidence] = group[0];
  const { id, sentence, clause, clear, classes } = RULES[rule];
  const { word, glyph, tone } = CONFIDENCES[confidence];
  const rulings = row.detail.z.filter(([name]) => name === id);
  return make(
    "article",
    { class: `finding ${tone}` },
    make("div", { class: "title" }, make("span", { class: "word" }, `${glyph} ${word}`), make("strong", null, id), make("span", { class: "muted small" }, clause), classes.map((name) => chip(name, tone))),
    sentence ? make("p", { class: "sentence small" }, worded(sentence)) : null,
    group.map(remarked),
    clear ? make("p", { class: "clear small" }, make("strong", null, "Clear yourself: "), worded(clear)) : null,
    rulings.map(ruled),
  );
}

function remarked([, , said, values, inherited, places, more]) {
  return make(
    "div",
    { class: "remark" },
    make("p", null, worded(said)),
    inherited ? make("p", { class: "muted small" }, "Already in ", jump(inherited)) : null,
    values.length ? make("dl", { class: "values" }, values.map(([name, value]) => make("div", null, make("dt", null, theirs(name)), make("dd", null, theirs(value))))) : null,
    make("ul", { class: "places" }, places.map(placed)),
    more ? make("p", { class: "muted small" }, `and ${counted(more, "more place")}`) : null,
  );
}

function placed([path, line, text, layer]) {
  const where = path + (line ? `:${line}` : "") + (layer ? ` in ${layer}` : "");
  return make("li", null, make("span", { class: "place code" }, theirs(where)), text ? make("pre", null, theirs(text.trimStart())) : null);
}

function ruled([, dismissed, name, date, reason]) {
  const word = dismissed ? "dismissed" : "upheld";
  return make("p", { class: "ruling" }, make("strong", null, `${word} `), "by ", theirs(name), " on ", theirs(date), ": ", theirs(reason));
}

const CODE = new Set(["entry", "command", "digest", "head"]);

function facts(pairs) {
  return make("dl", { class: "facts" }, pairs.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", null, name), make("dd", { class: CODE.has(name) ? "code" : null }, theirs(value))]));
}

function noted(notes) {
  const lines = notes.map(([rule, , said, , , places]) => {
    const [path, line] = places[0] ?? ["", 0];
    return make("li", null, make("strong", null, RULES[rule].id), " ", worded(said), path ? make("span", { class: "muted code" }, " ", theirs(path + (line ? `:${line}` : ""))) : null);
  });
  return make("details", null, make("summary", null, counted(notes.length, "note")), make("ul", { class: "notes" }, lines));
}

// ---- where it comes from, and what came of it

function lineage(row) {
  if (row.p == null && !row.children.length) return [];
  const made = [make("h3", null, "Lineage")];
  const steps = [];
  const seen = new Set([row.n]);
  for (let at = row; at?.p != null && steps.length < LINEAGE_AT_MOST && !seen.has(at.p); at = BY_NUMBER.get(at.p)) {
    seen.add(at.p);
    const parent = BY_NUMBER.get(at.p);
    const alike = at.pc === 0 ? "the same source" : `${Math.round(at.ps * 100)} % alike, ${counted(at.pc, "line")} changed`;
    steps.push(make("li", null, make("span", { class: "muted" }, "←"), jump(`#${at.p}`), parent ? answer(parent) : null, theirs(parent?.w ?? ""), make("span", { class: "muted small" }, alike)));
  }
  made.push(make("ol", { class: "line" }, steps));
  if (row.children.length) {
    const shown = row.children.slice(0, 20).flatMap((number) => [" ", jump(`#${number}`)]);
    const more = row.children.length - 20;
    made.push(make("p", { class: "small" }, make("span", { class: "muted" }, "Built upon by"), shown, more > 0 ? ` and ${more} more` : ""));
  }
  if (row.detail.g.length) made.push(make("details", { "data-kind": "diff" }, make("summary", null, `Difference to #${row.p}`), diff(row.detail.g)));
  const opened = made.at(-1);
  if (opened.dataset.kind === "diff" && row.detail.g.length <= 400) opened.open = true;
  return made;
}

function diff(lines) {
  const tones = { "+": "add", "-": "cut", "@": "at" };
  return make("pre", { class: "diff", tabindex: "0" }, lines.map((line) => make("span", { class: tones[line[0]] }, line || " ")));
}

function jump(said) {
  const number = Number(/#(\d+)/.exec(said)?.[1]);
  if (!BY_NUMBER.has(number)) return theirs(said);
  return make("button", { type: "button", class: "link", onclick: () => open(number) }, said);
}

// ---- while none is chosen

function all() {
  const counts = new Map();
  for (const row of view.rows) for (const name of row.classes) counts.set(name, (counts.get(name) ?? 0) + 1);
  const found = [...counts].sort((one, other) => other[1] - one[1]);
  const most = found[0]?.[1] ?? 1;
  const bars = found.map(([name, count]) => {
    const rect = make("rect", { width: `${(100 * count) / most}%`, height: "100%" });
    const bar = make("svg", { "aria-hidden": "true" }, rect);
    const onclick = () => {
      view.kinds = [name];
      narrowed();
    };
    return make("li", null, make("button", { type: "button", onclick }, bar, make("span", { class: "code" }, name), make("span", null, count.toLocaleString("en"))));
  });
  return [
    make("h2", null, "What was found"),
    view.rows.length ? null : make("p", null, "No pull request fits these filters, so none is chosen."),
    make("p", { class: "muted small" }, "Among the rows shown: submissions by class of finding that asks for a person. Choose a row for its findings, or a class to see its rows."),
    found.length ? make("ul", { class: "bars" }, bars) : make("p", null, "Nothing that asks for a person."),
    make("h3", null, "How to read this"),
    make("p", { class: "small" }, "Source, claims and logs were read; nothing was run. A violation is in the source or the logs themselves; review asks a person; nothing found is no proof of anything."),
    make("h3", null, "Keys"),
    keys(),
  ].filter(Boolean);
}

function keys() {
  const known = [
    [["j", "k"], "next and previous row"],
    [["Enter"], "into the details"],
    [["Esc"], "close, or clear the search"],
    [["/"], "search"],
    [["1", "2", "3", "4"], "one answer only"],
    [["Home", "End"], "first and last row"],
    [["0"], "reset all filters"],
  ];
  return make("dl", { class: "keys" }, known.flatMap(([names, said]) => [make("dt", null, names.map((name) => make("kbd", null, name))), make("dd", null, said)]));
}
