// Which runs does a reader see, and in which order? The rows are in the document: they are hidden
// and moved, never written. What is shown is in the address, so that it can be sent.

const by = (name) => document.getElementById(name);
const [tools, search, order, shown, list] = ["tools", "search", "order", "shown", "runs"].map(by);
const boxes = [...document.querySelectorAll("#answers input")];
const said = (row, name) => row.querySelector(name)?.textContent ?? "";

const ROWS = [...list.children].map((row, worst) => ({
  row,
  worst,
  answer: row.dataset.answer,
  // only what stands has a number to be ranked by
  number: "number" in row.dataset ? Number(row.dataset.number) : Infinity,
  name: said(row, ".name").toLowerCase(),
  author: said(row, ".author").toLowerCase(),
  started: said(row, ".started"),
  text: row.textContent.toLowerCase(),
}));
const compared = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
const ORDERS = {
  worst: () => 0,
  number: (one, other) => compared(one.number, other.number),
  name: (one, other) => compared(one.name, other.name),
  author: (one, other) => compared(one.author, other.author),
  newest: (one, other) => compared(other.started, one.started),
};

function show() {
  const answers = boxes.filter((box) => box.checked).map((box) => box.value);
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { row, answer, text } of ROWS) {
    const fits = (!answers.length || answers.includes(answer)) && words.every((word) => text.includes(word));
    row.hidden = !fits;
    count += fits;
  }
  const sorted = [...ROWS].sort((one, other) => ORDERS[order.value](one, other) || one.worst - other.worst);
  list.append(...sorted.map(({ row }) => row));
  shown.value = `${count.toLocaleString("en")} of ${ROWS.length.toLocaleString("en")} shown`;
  by("none").hidden = count > 0;
  remember(answers);
}

function remember(answers) {
  const address = new URLSearchParams();
  if (search.value) address.set("q", search.value);
  for (const answer of answers) address.append("answer", answer);
  if (order.value !== "worst") address.set("order", order.value);
  history.replaceState(null, "", `#${address}`);
}

function recall() {
  const address = new URLSearchParams(location.hash.slice(1));
  const answers = address.getAll("answer");
  for (const box of boxes) box.checked = answers.includes(box.value);
  search.value = (address.get("q") ?? "").slice(0, 200);
  const wanted = address.get("order") ?? "worst";
  order.value = Object.hasOwn(ORDERS, wanted) ? wanted : "worst";
  show();
}

for (const box of boxes) box.addEventListener("change", show);
search.addEventListener("input", show);
order.addEventListener("change", show);
by("reset").addEventListener("click", () => {
  for (const box of boxes) box.checked = false;
  search.value = "";
  order.value = "worst";
  show();
});
addEventListener("hashchange", recall);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === search) return;
  event.preventDefault();
  search.focus();
});

tools.hidden = false;
recall();
