"use strict";

/* Draws the charts, sorts tables, hands out numbers as CSV, and changes between light and dark. */
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const themeButton = document.getElementById("theme");
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  function setTheme(name) {
    root.dataset.theme = name;
    themeButton.textContent = name === "dark" ? "Light" : "Dark";
    return drawAll();
  }

  async function drawAll() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      const plots = figure.querySelectorAll(".plot");
      const panels = data.charts[figure.dataset.chart].panels;
      for (let k = 0; k < plots.length; k += 1) await draw(plots[k], panels[k]);
    }
    root.dataset.drawn = root.dataset.theme;
  }

  async function draw(plot, panel) {
    views.get(plot)?.finalize();
    const theme = structuredClone(data.themes[root.dataset.theme]);
    const options = { renderer: "svg", actions: false, config: theme, tooltip: showTip };
    const spec = structuredClone(panel);
    hideColourLegends(spec);
    views.set(plot, await window.vegaEmbed(plot, spec, options));
  }

  /* The page has legends of its own, in text that can be selected; that of a gradient stays in the chart. */
  function hideColourLegends(spec) {
    for (const layer of spec.layer ?? [spec]) {
      const colour = layer.encoding?.color;
      if (colour && colour.type !== "quantitative" && colour.legend !== undefined) colour.legend = null;
      if (layer.layer) hideColourLegends(layer);
    }
  }

  const tip = document.createElement("div");
  tip.className = "vega-tip";
  tip.hidden = true;
  document.body.append(tip);

  function showTip(handler, event, item, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.replaceChildren();
    for (const [name, text] of Object.entries(typeof value === "object" ? value : { "": value })) {
      const line = document.createElement("div");
      line.textContent = name ? `${name}: ${text}` : text;
      tip.append(line);
    }
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(event.clientX + 12, window.innerWidth - box.width - 8))}px`;
    tip.style.top = `${Math.max(0, Math.min(event.clientY + 12, window.innerHeight - box.height - 8))}px`;
  }

  function download(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function tableAsCsv(table) {
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const cells = (row) => [...row.cells].map((cell) => quoted(cell.dataset.value ?? cell.textContent.trim()));
    return [...table.rows].map((row) => `${cells(row).join(",")}\n`).join("");
  }

  function sortBy(heading) {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const compare = (one, other) => {
      const [a, b] = [key(one), key(other)];
      const [x, y] = [Number(a), Number(b)];
      return a !== "" && b !== "" && !Number.isNaN(x - y) ? x - y : a.localeCompare(b);
    };
    const rows = [...table.tBodies[0].rows].sort((one, other) => (down ? -1 : 1) * compare(one, other));
    table.tBodies[0].append(...rows);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.csv) download(button.dataset.csv, data.charts[button.dataset.csv].csv);
    if (button.dataset.csvTable) {
      download(button.dataset.csvTable, tableAsCsv(document.querySelector(`[data-table="${button.dataset.csvTable}"]`)));
    }
    if (button.closest(".sortable th")) sortBy(button.closest("th"));
    if (button === themeButton) setTheme(root.dataset.theme === "dark" ? "light" : "dark");
  });

  /* Paper is white, and does not wait until charts are drawn anew: the colours of a dark page give way to light ones. */
  const paperColours = new Map();
  pairColours(data.themes.dark, data.themes.light);

  function pairColours(dark, light) {
    for (const [key, value] of Object.entries(dark)) {
      if (typeof value === "object" && value !== null) pairColours(value, light[key]);
      else if (value !== light[key]) paperColours.set(value, light[key]);
    }
  }

  let before = null;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    for (const details of document.querySelectorAll("details")) details.open = true;
    if (before !== "dark") return;
    root.dataset.theme = "light";
    for (const name of ["fill", "stroke"]) {
      for (const mark of document.querySelectorAll(`.plot svg [${name}]`)) {
        const colour = paperColours.get(mark.getAttribute(name));
        if (colour) mark.setAttribute(name, colour);
      }
    }
  });
  window.addEventListener("afterprint", () => {
    if (before === "dark") setTheme("dark");
  });

  if (data.replay) window.Replay.mount(document.getElementById("replay"), data.replay);
  setTheme(prefersDark.matches ? "dark" : "light");
})();
