"use strict";
// Filters rows, columns and runs by the form; draws the runs; tells what is behind a cell.
(() => {
  const RUNS_AT_ONCE = 100;
  const NOT_RUN = "not run";
  const form = document.querySelector("form.search");
  const told = document.getElementById("told");
  const choices = [...form.querySelectorAll("select")];
  const libraryOf = Object.fromEntries([...form.elements.build.options]
    .map((option) => [option.value, option.dataset.library]));
  const features = [...document.querySelectorAll("table.features")].map(prepareFeatures);
  const lists = [...document.querySelectorAll("section > .scroll > table.list")].map(prepareList);
  const wires = [...document.querySelectorAll("section[data-wire]")].map(prepareWire);

  // What the form asks for

  function asked() {
    const value = (name) => form.elements[name]?.value ?? "";
    return {
      words: form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean),
      library: value("library"), build: value("build"), status: value("status"),
      protocol: value("protocol"), transport: value("transport"), outcome: value("outcome"),
    };
  }

  const hasAll = (text, words) => words.every((word) => text.includes(word));
  const chosenBuild = (want, build) => (!want.build || want.build === build)
    && (!want.library || libraryOf[build] === want.library);
  const chosenOutcome = (want, outcome) => !want.outcome || want.outcome === outcome
    || (want.outcome === "good" && (outcome === "ok" || outcome === "passed"))
    || (want.outcome === "not good" && !["ok", "passed", "unsupported", ""].includes(outcome));

  function count(section, shown, all, what) {
    section.querySelector(".count").textContent =
      shown === all ? `${all} ${what}` : `${shown} of ${all} ${what}`;
  }

  // Tables of features

  function prepareFeatures(table) {
    const [top, names] = table.tHead.rows;
    const groups = [...top.querySelectorAll("[data-library]")];
    const fixed = top.cells.length - groups.length;
    const columns = [...names.cells].map((head, index) => ({ head, build: head.dataset.build,
      index: index + fixed }));
    let next = 0;
    for (const group of groups) group.columns = columns.slice(next, next += group.colSpan);
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, cells: [...row.cells],
      head: [...row.cells].slice(0, fixed).map((cell) => cell.textContent).join(" ").toLowerCase(),
      told: [...row.cells].map((cell) => cell.title.toLowerCase()) }));
    return { table, section: table.closest("section"), groups, columns, rows };
  }

  function filterFeatures({ section, groups, columns, rows }, want) {
    const visible = columns.filter((column) => chosenBuild(want, column.build));
    for (const column of columns) column.head.hidden = !visible.includes(column);
    for (const group of groups) {
      const left = group.columns.filter((column) => !column.head.hidden).length;
      group.hidden = !left;
      group.colSpan = left || 1;
    }
    let shown = 0;
    for (const { row, cells, head, told: titles } of rows) {
      const statuses = visible.map(({ index }) => cells[index].textContent);
      const text = [head, ...visible.map(({ index }) => titles[index])].join(" ");
      const axis = !(want.protocol && row.dataset.protocol)
        || row.dataset.protocol === want.protocol;
      const way = !(want.transport && row.dataset.transport)
        || row.dataset.transport === want.transport;
      row.hidden = !(axis && way && visible.length && hasAll(text, want.words)
        && (!want.status || statuses.includes(want.status)));
      shown += !row.hidden;
      for (const { index, head: top } of columns) {
        cells[index].hidden = top.hidden;
        const off = want.status && cells[index].textContent !== want.status;
        cells[index].classList.toggle("faint", Boolean(off));
      }
    }
    count(section, shown, rows.length, "features");
  }

  // Lists of builds, differences and conformance

  function prepareList(table) {
    const rows = [...table.tBodies[0].rows].map((row) => ({ row,
      builds: (row.dataset.builds ?? "").split(" "), text: row.textContent.toLowerCase() }));
    return { section: table.closest("section"), rows };
  }

  function filterList({ section, rows }, want) {
    let shown = 0;
    for (const { row, builds, text } of rows) {
      const outcome = row.dataset.outcome;
      row.hidden = !(builds.some((build) => chosenBuild(want, build)) && hasAll(text, want.words)
        && (outcome === undefined || chosenOutcome(want, outcome)));
      shown += !row.hidden;
    }
    count(section, shown, rows.length, "rows");
  }

  // Runs of builds against one another

  function prepareWire(section) {
    const { words, runs } = JSON.parse(
      document.getElementById("runs-" + section.dataset.wire).textContent);
    const all = runs.map(([id, protocol, transport, sender, receiver, listener, outcome,
      delivered, sent, intact, ordered, seconds, detail]) => ({ id, protocol: words[protocol],
      transport: words[transport], sender: words[sender], receiver: words[receiver],
      listener: listener ? "receiver" : "sender", outcome: words[outcome], delivered, sent,
      intact, ordered, seconds, detail: words[detail] }));
    for (const run of all) {
      run.id ||= [run.protocol, run.transport, run.sender, run.receiver, run.listener].join("/");
      run.text = Object.values(run).join(" ").toLowerCase();
    }
    const grid = section.querySelector("table.pairs");
    const heads = [...grid.querySelectorAll("thead [data-build]")];
    const rows = [...grid.tBodies[0].rows];
    const list = section.querySelector(".runs");
    const wire = { section, all, heads, rows, list, pair: null, limit: RUNS_AT_ONCE,
      lanes: new Set(all.map((run) => run.protocol + " " + run.transport)) };
    list.hidden = false;
    list.querySelector(".chosen button").addEventListener("click", () => {
      wire.pair = null;
      apply();
    });
    list.querySelector(".more").addEventListener("click", () => {
      wire.limit += RUNS_AT_ONCE;
      drawRuns(wire);
    });
    return wire;
  }

  function inLane(want, protocol, transport) {
    return (!want.protocol || protocol.split("-").includes(want.protocol))
      && (!want.transport || transport === want.transport);
  }

  function filterWire(wire, want) {
    const pairChosen = (sender, receiver) =>
      chosenBuild(want, sender) || chosenBuild(want, receiver);
    const found = wire.all.filter((run) => inLane(want, run.protocol, run.transport)
      && pairChosen(run.sender, run.receiver) && chosenOutcome(want, run.outcome)
      && hasAll(run.text, want.words));
    const byPair = Map.groupBy
      ? Map.groupBy(found, (run) => run.sender + " " + run.receiver) : grouped(found);
    const expected = 2 * [...wire.lanes].filter((lane) => inLane(want, ...lane.split(" "))).length;
    const all = !(want.outcome || want.words.length);
    for (const row of wire.rows) {
      const sender = row.dataset.build;
      wire.heads.forEach((head, index) => {
        const receiver = head.dataset.build;
        const cell = row.cells[index + 1];
        const runs = byPair.get(sender + " " + receiver) ?? [];
        drawPair(cell, runs, all && pairChosen(sender, receiver) ? expected : runs.length);
        cell.classList.toggle("picked",
          wire.pair?.[0] === sender && wire.pair?.[1] === receiver);
      });
      row.hidden = ![...row.cells].slice(1).some((cell) => cell.textContent);
    }
    wire.heads.forEach((head, index) => {
      const cells = wire.rows.map((row) => row.cells[index + 1]);
      const empty = !cells.some((cell) => cell.textContent);
      for (const cell of [head, ...cells]) cell.hidden = empty;
    });
    count(wire.section, found.length, wire.all.length, "runs");
    wire.found = found;
    wire.limit = RUNS_AT_ONCE;
    drawRuns(wire);
  }

  function grouped(runs) {
    const groups = new Map();
    for (const run of runs) {
      const key = run.sender + " " + run.receiver;
      groups.has(key) ? groups.get(key).push(run) : groups.set(key, [run]);
    }
    return groups;
  }

  function drawPair(cell, runs, expected) {
    const ran = runs.filter((run) => run.outcome !== "unsupported");
    const good = ran.filter((run) => run.outcome === "ok").length;
    const missing = expected - runs.length;
    let text = ran.length ? good + "/" + ran.length : runs.length ? "\u2013" : "";
    if (missing) text = text ? `${text}, ${missing} ${NOT_RUN}` : NOT_RUN;
    cell.textContent = text;
    cell.className = !text ? "" : good < ran.length ? "bad"
      : missing ? (ran.length ? "fair" : "none") : ran.length ? "good" : "absent";
  }

  function drawRuns(wire) {
    const runs = wire.pair ? wire.found.filter((run) =>
      run.sender === wire.pair[0] && run.receiver === wire.pair[1]) : wire.found;
    const chosen = wire.list.querySelector(".chosen");
    chosen.querySelector("span").textContent = wire.pair
      ? `${runs.length} runs from ${wire.pair[0]} to ${wire.pair[1]}` : `${runs.length} runs`;
    chosen.querySelector("button").hidden = !wire.pair;
    wire.list.querySelector("tbody").replaceChildren(...runs.slice(0, wire.limit).map(drawRun));
    wire.list.querySelector(".scroll").hidden = !runs.length;
    wire.list.querySelector(".more").hidden = runs.length <= wire.limit;
  }

  function drawRun(run) {
    const row = document.createElement("tr");
    const yes = (value) => value === null ? "unknown" : value ? "yes" : "no";
    const values = [run.outcome, run.protocol, run.transport, run.sender, run.receiver,
      run.listener, run.delivered ?? "unknown", run.sent, yes(run.intact), yes(run.ordered), run.seconds,
      run.detail, run.id];
    values.forEach((value, index) => {
      const cell = document.createElement(index ? "td" : "th");
      cell.textContent = value;
      row.append(cell);
    });
    row.cells[0].scope = "row";
    row.cells[0].className =
      run.outcome === "ok" ? "good" : run.outcome === "unsupported" ? "dim" : "bad";
    return row;
  }

  // What is behind a cell, by mouse and keyboard

  function tell(cell) {
    const table = cell.closest("table");
    const row = cell.parentElement.cells[0].textContent;
    const title = document.createElement("b");
    const text = document.createElement("span");
    if (table.matches(".features")) {
      const column = features.find((f) => f.table === table).columns
        .find(({ index }) => index === cell.cellIndex);
      title.textContent = `${row} in ${column.build}: ${cell.textContent}`;
      text.textContent = cell.title;
    } else {
      const wire = wires.find((w) => w.section.contains(table));
      const receiver = wire.heads[cell.cellIndex - 1].dataset.build;
      const runs = wire.found.filter((run) => run.sender === row && run.receiver === receiver);
      title.textContent = `${row} to ${receiver}: ${cell.textContent}`;
      const odd = runs.filter((run) => !["ok", "unsupported"].includes(run.outcome));
      text.textContent = [...odd.slice(0, 5).map((run) => `${run.id}: ${run.outcome} ${run.detail}`),
        `${runs.length} runs in ${wire.section.dataset.file}; Enter or a click lists them`]
        .join("\n");
    }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => { told.hidden = true; });
    told.replaceChildren(close, title, text);
    told.hidden = false;
  }

  const cellAt = (node) => node instanceof Element
    ? node.closest("table.features tbody td[title], table.pairs tbody td") : null;

  function pick(cell) {
    if (!cell.closest("table.pairs")) return;
    const wire = wires.find((w) => w.section.contains(cell));
    wire.pair = [cell.parentElement.dataset.build, wire.heads[cell.cellIndex - 1].dataset.build];
    for (const row of wire.rows) {
      for (const other of row.cells) other.classList.toggle("picked", other === cell);
    }
    wire.limit = RUNS_AT_ONCE;
    drawRuns(wire);
  }

  function enter(cell) {  // one cell of each grid is reached by Tab, the others by arrows
    for (const other of cell.closest("table").querySelectorAll("td[tabindex='0']")) {
      other.tabIndex = -1;
    }
    cell.tabIndex = 0;
  }

  function step(cell, down, right) {
    let row = cell.parentElement;
    if (down) {
      do row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
      while (row?.hidden);
      return row?.cells[cell.cellIndex];
    }
    let next = cell;
    do next = right > 0 ? next.nextElementSibling : next.previousElementSibling;
    while (next?.hidden);
    return next;
  }

  document.addEventListener("focusin", (event) => {
    const cell = cellAt(event.target);
    if (cell) { enter(cell); tell(cell); }
  });
  document.addEventListener("click", (event) => {
    const cell = cellAt(event.target);
    if (!cell) return;
    cell.tabIndex = 0;
    cell.focus();
    tell(cell);
    pick(cell);
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); form.elements.words.focus(); }
    if (event.key === "Escape") told.hidden = true;
    const cell = cellAt(event.target);
    const way = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
    if (!cell) return;
    if (event.key === "Enter") pick(cell);
    if (!way[event.key]) return;
    event.preventDefault();
    const next = cellAt(step(cell, ...way[event.key]));
    if (next) { next.tabIndex = 0; next.focus(); }
  });

  // The form

  function apply() {
    const want = asked();
    for (const choice of choices) choice.classList.toggle("set", Boolean(choice.value));
    for (const table of features) filterFeatures(table, want);
    for (const list of lists) filterList(list, want);
    for (const wire of wires) filterWire(wire, want);
    for (const grid of document.querySelectorAll("table.grid")) {
      if (!grid.querySelector("tr:not([hidden]) > td[tabindex='0']:not([hidden])")) {
        const first = grid.querySelector("tbody tr:not([hidden]) > td:not([hidden])[title],"
          + ".pairs tbody tr:not([hidden]) > td:not([hidden])");
        if (first) enter(first);
      }
    }
  }

  function changed() {
    for (const wire of wires) wire.pair = null;
    told.hidden = true;
    apply();
  }

  let waiting = 0;
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      clearTimeout(waiting);
      waiting = setTimeout(changed, 120);
    });
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  form.addEventListener("reset", () => setTimeout(changed));
  form.querySelector(".open").addEventListener("click", (event) => {
    const shown = document.getElementById("filters").classList.toggle("shown");
    event.target.setAttribute("aria-expanded", shown);
  });
  form.hidden = false;
  apply();
})();
