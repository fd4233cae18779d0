"use strict";
// Whatever comes from the data is put in as text, never as HTML.

const byId = (id) => document.getElementById(id);
const PAGE = 12; // items found that are shown at a time
const K = 10;
let kinds = ["fused"];
let asked = { search: 0, item: 0, user: 0, why: 0 }; // an answer to an older question is dropped

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

async function answer(path, body) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer.");
  }
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(told.detail || `The server answers ${response.status}.`);
  return told;
}

function named(item) {
  const made = make("span");
  const title = make("bdi", item.title || item.id); // a title may be written from the right
  made.append(title);
  if (item.title) made.append(" ", make("span", item.id, "id"));
  return made;
}

function list(heading, places, digits, extra) {
  const made = make("div", undefined, "list");
  made.append(make("h3", heading));
  if (!places.length) made.append(make("p", "nothing", "note"));
  const rows = make("ol");
  for (const place of places) {
    const row = make("li");
    row.append(named(place), " ", make("span", place.score.toFixed(digits), "score"));
    if (extra) row.append(" ", extra(place));
    rows.append(row);
  }
  made.append(rows);
  return made;
}

function problem(heading, error) {
  const made = make("div", undefined, "list");
  made.append(make("h3", heading), make("p", error.message, "note"));
  return made;
}

// --- items

async function find(offset) {
  const turn = ++asked.search;
  const words = byId("search").value;
  const query = new URLSearchParams({ search: words, offset, limit: PAGE, neighbours: 0 });
  let found;
  try {
    found = await answer(`items?${query}`);
  } catch (error) {
    if (turn === asked.search) byId("search-status").textContent = error.message;
    return;
  }
  if (turn !== asked.search) return;
  const items = byId("found");
  if (!offset) {
    items.replaceChildren();
    byId("neighbours").replaceChildren();
    asked.item++;
  }
  for (const item of found.items) items.append(choice(item));
  const shown = offset + found.items.length;
  byId("search-status").textContent = found.total
    ? `${shown} of ${found.total} items. Choose one.`
    : "No title has these words.";
  byId("more").hidden = shown >= found.total;
}

function choice(item) {
  const row = make("li");
  const button = make("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.append(named(item));
  button.addEventListener("click", () => {
    for (const other of byId("found").querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    showNeighbours(item);
  });
  row.append(button);
  return row;
}

async function showNeighbours(item) {
  const turn = ++asked.item;
  const alike = kinds.map(async (by) => {
    const heading = by === "fused" ? "Alike, fused" : `Alike by ${by}`;
    try {
      const told = await answer("similar", { items: [item.id], k: K, by });
      return list(heading, told.lists[0].similar, 2);
    } catch (error) {
      return problem(heading, error);
    }
  });
  const heading = "Recommended to somebody who had it";
  const next = answer("recommend", { history: [item.id], k: K }).then(
    (told) => list(heading, told.items, 2),
    (error) => problem(heading, error),
  );
  const lists = await Promise.all([...alike, next]);
  if (turn !== asked.item) return;
  const title = make("h3", undefined, "wide");
  title.append("Neighbours of ", named(item));
  byId("neighbours").replaceChildren(title, ...lists);
}

// --- users

async function recommend() {
  const turn = ++asked.user;
  asked.why++;
  const user = byId("user").value.trim();
  byId("why").replaceChildren();
  byId("recommended").replaceChildren();
  if (!user) return;
  try {
    const told = await answer("recommend", { user, k: K, seen: byId("seen").value });
    if (turn !== asked.user) return;
    byId("user-status").textContent = `${told.items.length} items for user ${user}.`;
    const why = (place) => whyButton(user, place);
    byId("recommended").append(list(`For user ${user}`, told.items, 2, why));
  } catch (error) {
    if (turn === asked.user) byId("user-status").textContent = error.message;
  }
}

function whyButton(user, place) {
  const button = make("button", "Why?", "why");
  button.type = "button";
  button.setAttribute("aria-label", `Why ${place.title || place.id}?`);
  button.addEventListener("click", () => explain(user, place));
  return button;
}

async function explain(user, place) {
  const turn = ++asked.why;
  let shown;
  try {
    const told = await answer("explain", { user, item: place.id, neighbours: 5 });
    shown = explained(told);
  } catch (error) {
    shown = problem("Why?", error);
  }
  if (turn !== asked.why) return;
  byId("why").replaceChildren(shown);
  shown.scrollIntoView({ block: "nearest" });
}

function explained(told) {
  const made = make("div", undefined, "list");
  const heading = make("h3");
  heading.append("Why ", named({ id: told.item, title: told.title }), `: ${told.score.toFixed(2)}`);
  const past = told.neighbours.map((one) => [named(one), one.carried]);
  past.push(["their other items", told.others], ["the user's own", told.own]);
  made.append(
    heading,
    shares("By line and modality", Object.entries(told.parts)),
    shares("By past item", past),
  );
  return made;
}

function shares(caption, rows) {
  const table = make("table");
  table.append(make("caption", caption));
  for (const [what, share] of rows) {
    const row = table.insertRow();
    const head = make("th");
    head.scope = "row";
    head.append(what);
    row.append(head, make("td", (share < 0 ? "" : "+") + share.toFixed(3)));
  }
  return table;
}

// --- the page

function start() {
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    find(0);
  });
  byId("more").addEventListener("click", () => find(byId("found").children.length));
  byId("user-form").addEventListener("submit", (event) => {
    event.preventDefault();
    recommend();
  });
  answer("health").then(
    (told) => {
      kinds = told.by;
      document.title = `${told.model} on ${told.dataset}`;
      byId("about").textContent =
        `${told.model} on ${told.dataset}: ${told.users} users, ${told.items} items. Run ${told.run}.`;
    },
    (error) => {
      byId("about").textContent = error.message;
    },
  );
}

start();
