// Sorts and filters tables that are whole without it; adds copy buttons. Nothing is loaded.
"use strict";
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.dataset.fixed !== undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.ariaSort !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = down ? "descending" : "ascending";
      const value = (row) => {
        const cell = row.cells[column];
        const words = cell.dataset.value ?? cell.textContent.trim();
        const number = Number.parseFloat(words.replaceAll(",", ""));
        return head.classList.contains("n") ? (Number.isNaN(number) ? -Infinity : number) : words;
      };
      const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => order(value(a), value(b)) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}
for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...document.getElementById(form.dataset.for).tBodies[0].rows];
  const asked = (name) => form.elements[name]?.value ?? "";
  const filter = () => {
    const words = asked("text").toLowerCase();
    const fits = (row) =>
      row.cells[0].textContent.toLowerCase().includes(words) &&
      (!asked("gold") || JSON.parse(row.dataset.gold).includes(asked("gold"))) &&
      (!asked("answer") || JSON.parse(row.dataset.answer).includes(asked("answer"))) &&
      Number(row.dataset.sure) >= Number(asked("least"));
    rows.forEach((row) => (row.hidden = !fits(row)));
    const n = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = n === rows.length ? "" : n + " of " + rows.length;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
}
for (const block of document.querySelectorAll(".copyable")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const code = block.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  block.append(button);
}
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((each) => (each.open = true));
});
