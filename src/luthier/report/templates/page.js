"use strict";
// The page is whole without this: it only sorts and filters the table of mistakes and copies the recipe.
const table = document.getElementById("mistakes-table");
if (table) {
  const body = table.tBodies[0], rows = [...body.rows];
  const search = document.getElementById("search"), gold = document.getElementById("gold"), said = document.getElementById("said");
  const shown = document.getElementById("shown");
  const fill = (select, column) => {
    for (const value of [...new Set(rows.map((row) => row.cells[column].textContent.trim()))].sort()) {
      const option = document.createElement("option");
      option.textContent = value;
      option.value = value;
      select.append(option);
    }
  };
  fill(gold, 1);
  fill(said, 2);
  const filter = () => {
    const words = search.value.toLowerCase();
    let n = 0;
    for (const row of rows) {
      const fits = row.cells[0].textContent.toLowerCase().includes(words)
        && (!gold.value || row.cells[1].textContent.trim() === gold.value)
        && (!said.value || row.cells[2].textContent.trim() === said.value);
      row.hidden = !fits;
      n += fits;
    }
    shown.textContent = `${n} of ${rows.length} shown`;
  };
  for (const control of [search, gold, said]) control.addEventListener("input", filter);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    let up = false;
    head.addEventListener("click", () => {
      up = !up;
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      rows.sort((a, b) => (up ? 1 : -1) * key(a).localeCompare(key(b), undefined, { numeric: true }));
      body.append(...rows);
    });
  });
  document.querySelector("#mistakes .tools").hidden = false;
  filter();
}
const copy = document.getElementById("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", () => navigator.clipboard.writeText(document.getElementById("recipe").textContent));
}
