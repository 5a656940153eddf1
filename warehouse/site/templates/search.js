// Search over the entries that stand in the page: each is [kind, name, page, what it says]. Nothing is fetched.
"use strict";
(() => {
  const MOST = 60;
  const entries = JSON.parse(document.getElementById("entries").textContent).map(([kind, name, page, said]) => ({
    kind, name, page, said, key: name.toLowerCase(), last: name.toLowerCase().split(".").pop(),
    text: `${kind} ${name.replaceAll("_", " ")} ${name} ${said}`.toLowerCase(),
  }));
  const input = document.getElementById("search");
  const found = document.getElementById("found");
  const results = document.getElementById("results");
  const all = document.getElementById("all");
  const first = { metric: 3, table: 2, source: 1, column: 0 };

  function score(entry, query, words) {
    if (!words.every((word) => entry.text.includes(word))) return 0;
    const named = words.every((word) => entry.key.includes(word));
    return 1 + first[entry.kind] + (named ? 10 : 0) + (entry.last.startsWith(query) ? 20 : 0) +
      (entry.last === query || entry.key === query ? 40 : 0);
  }

  function item(entry) {
    const li = document.createElement("li");
    const a = document.createElement("a");
    const code = document.createElement("code");
    const kind = document.createElement("span");
    a.href = entry.page;
    code.textContent = entry.name;
    a.append(code);
    kind.className = "quiet";
    kind.textContent = ` ${entry.kind}`;
    li.append(a, kind, document.createElement("br"), entry.said);
    return li;
  }

  function show() {
    const query = input.value.trim().toLowerCase();
    const words = query.split(/\s+/).filter(Boolean);
    all.hidden = words.length > 0;
    results.hidden = !all.hidden;
    const hits = words.length
      ? entries.map((entry) => [score(entry, query, words), entry]).filter(([n]) => n > 0)
        .sort(([a, x], [b, y]) => b - a || x.name.localeCompare(y.name))
      : [];
    results.replaceChildren(...hits.slice(0, MOST).map(([, entry]) => item(entry)));
    found.textContent = !words.length ? "" : !hits.length ? "Nothing was found."
      : `${hits.length} found${hits.length > MOST ? `, the first ${MOST} shown` : ""}.`;
  }

  function remember() {
    const query = input.value.trim();
    history.replaceState(null, "", query ? `#q=${encodeURIComponent(query)}` : location.pathname);
  }

  document.getElementById("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    results.querySelector("a")?.focus();
  });
  input.addEventListener("input", show);
  input.addEventListener("change", remember);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
  if (location.hash.startsWith("#q=")) {
    input.value = decodeURIComponent(location.hash.slice(3));
    show();
  }
})();
