"use strict";
// A reader's own report as one more column. Nothing leaves the page: its policy allows no connection at all.
(() => {
  const WORST_FIRST = ["FAIL", "ERROR", "INCONCLUSIVE", "WARN", "PASS", "NOT-APPLICABLE"];
  const message = document.getElementById("message");
  const matrix = document.getElementById("matrix");

  function check(report) {
    if (report?.format !== "doubletext-report") throw new Error("this is not a report.json of doubletext");
    if (report.version !== 1) throw new Error(`this page reads reports of version 1, not ${report.version}`);
    if (!Array.isArray(report.results)) throw new Error("the report has no results");
    for (const result of report.results)
      if (!WORST_FIRST.includes(result?.verdict)) throw new Error("the verdict of a result is unknown");
  }

  /** Return an element with text. The contents of a file must never be parsed as HTML. */
  function element(name, text, className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function add(report, file) {
    const { server, version, url } = report.target ?? {};
    const name = [server, version].filter((part) => typeof part === "string").join(" ") || String(url ?? file);
    const head = element("th", `${name} (yours)`);
    head.scope = "col";
    matrix.tHead.rows[0].append(head);
    for (const row of matrix.querySelectorAll("tr[data-id]")) {
      const mine = report.results.filter((result) => result.requirement === row.dataset.id);
      const cell = element("td", "");
      if (mine.length) {
        const worst = WORST_FIRST.find((word) => mine.some((result) => result.verdict === word));
        const count = mine.filter((result) => result.verdict === worst).length;
        cell.append(element("span", worst, `badge ${worst.toLowerCase()}`), worst === "PASS" ? "" : ` ${count} of ${mine.length}`);
      } else {
        cell.append(element("span", "not judged", "quiet"));
      }
      row.append(cell);
    }
    for (const area of matrix.querySelectorAll("th.area")) area.colSpan += 1;
    message.textContent = `${name} is now the last column of the table.`;
  }

  async function read(file) {
    try {
      const report = JSON.parse(await file.text());
      check(report);
      add(report, file.name);
    } catch (error) {
      message.textContent = `${file.name} cannot be shown: ${error.message}`;
    }
  }

  document.getElementById("own").hidden = false;
  document.getElementById("file").addEventListener("change", (event) => event.target.files[0] && read(event.target.files[0]));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
  });
})();
