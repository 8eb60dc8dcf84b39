"use strict";

// Sorting and filtering of tables, and the rows behind the points of the planes. Without this script the page
// shows all the same numbers; text from data goes through textContent alone.

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(column, numeric, sign) {
  return (a, b) => {
    if (!numeric) {
      const [x, y] = [a, b].map((row) => row.cells[column].textContent.trim());
      return sign * x.localeCompare(y, "en", { numeric: true });
    }
    const [x, y] = [value(a, column), value(b, column)];
    if (x === null || y === null) return (x === null) - (y === null); // what is missing comes last
    return sign * (x - y);
  };
}

function makeSortable(box) {
  const [table, tools] = [box.querySelector("table"), box.querySelector(".tools")];
  const [body, heads] = [table.tBodies[0], Array.from(table.tHead.rows[0].cells)];
  const rows = Array.from(body.rows);
  heads.forEach((head, column) => {
    const label = head.querySelector("span");
    const button = element("button", label.textContent, { type: "button" });
    label.after(button); // the label itself is for print, where a header that is repeated shows no buttons
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const order = before ? (before === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      rows.sort(compare(column, numeric, order === "ascending" ? 1 : -1));
      body.append(...rows);
    });
  });
  const [input, count] = [tools.querySelector("input"), tools.querySelector("output")];
  const words = (row) => Array.from(row.cells).filter((cell) => !cell.classList.contains("number"));
  const texts = new Map(rows.map((row) => [row, words(row).map((cell) => cell.textContent.toLowerCase()).join(" ")]));
  const filter = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !wanted.every((word) => texts.get(row).includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} ${box.dataset.counted}`;
  };
  input.addEventListener("input", filter);
  filter();
  tools.hidden = false;
}

function signed(number) {
  const text = Math.abs(number).toFixed(3);
  return (Number(text) === 0 ? "" : number < 0 ? "\u2212" : "+") + text;
}

function described(points, index) {
  const [target, preds] = [points.target[index], points.preds[index]];
  const error = Math.hypot(preds[0] - target[0], preds[1] - target[1]);
  return {
    row: String(points.row[index]),
    identity: points.identities[points.identity[index]],
    clip: points.clips[points.clip[index]],
    frame: String(points.frame[index]),
    path: points.path[index],
    label: `valence ${signed(target[0])}, arousal ${signed(target[1])}`,
    prediction: `valence ${signed(preds[0])}, arousal ${signed(preds[1])}`,
    distance: error.toFixed(3),
    ...(points.faces[index] < 0 && { face: "not on this page" }),
  };
}

function makePlane(figure, points, faces) {
  const [svg, group] = [figure.querySelector("svg"), figure.querySelector(".points")];
  const [mark, panel] = [figure.querySelector(".chosen"), figure.querySelector(".row")];
  const circles = Array.from(group.children);
  const places = circles.map((circle) => [circle.cx.baseVal.value, circle.cy.baseVal.value]);
  const [side, margin] = [400, 40];
  let chosen = circles.length - 1;

  const place = ([valence, arousal]) => {
    const inside = (number) => Math.min(1, Math.max(-1, number / points.reach));
    const scale = (number) => margin + ((inside(number) + 1) / 2) * (side - 2 * margin);
    return [scale(valence), side - scale(arousal)];
  };
  const draw = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, number] of Object.entries(attributes)) made.setAttribute(key, number);
    mark.append(made);
  };
  const show = (index, keyboard) => {
    circles[chosen].setAttribute("tabindex", "-1");
    circles[chosen].setAttribute("aria-selected", "false");
    chosen = index;
    const row = described(points, index);
    circles[index].setAttribute("tabindex", "0");
    circles[index].setAttribute("aria-selected", "true");
    const [[x, y], [tx, ty]] = [places[index], place(points.target[index])];
    mark.replaceChildren();
    mark.classList.toggle("keyboard", keyboard);
    draw("line", { x1: x, y1: y, x2: tx, y2: ty });
    draw("rect", { x: tx - 3.5, y: ty - 3.5, width: 7, height: 7 });
    draw("circle", { cx: x, cy: y, r: 6 });
    const list = element("dl");
    for (const [name, text] of Object.entries(row)) list.append(element("dt", name), element("dd", text));
    panel.replaceChildren(list);
    const face = faces[points.faces[index]];
    if (face) panel.prepend(element("img", undefined, { src: face, alt: "Face of this row" }));
  };
  const nearest = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let [best, least] = [-1, 20 ** 2];
    places.forEach(([x, y], index) => {
      const apart = (x - at.x) ** 2 + (y - at.y) ** 2;
      if (apart <= least) [best, least] = [index, apart];
    });
    if (best >= 0 && (best !== chosen || !mark.hasChildNodes())) show(best, false);
  };

  svg.setAttribute("role", "group");
  group.setAttribute("role", "listbox");
  group.setAttribute("aria-label", "Predictions, from the smallest to the largest distance from their label");
  circles.forEach((circle, index) => {
    circle.setAttribute("role", "option");
    circle.setAttribute("aria-selected", "false");
    circle.setAttribute("tabindex", index === chosen ? "0" : "-1");
    const said = Object.entries(described(points, index)).filter(([name]) => name !== "path");
    circle.setAttribute("aria-label", said.map(([name, text]) => `${name} ${text}`).join(", "));
  });
  svg.addEventListener("pointermove", nearest);
  svg.addEventListener("pointerdown", nearest);
  group.addEventListener("focusin", (event) => show(circles.indexOf(event.target), true));
  group.addEventListener("keydown", (event) => {
    const last = circles.length - 1;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -last, End: last };
    if (!(event.key in steps)) return;
    event.preventDefault();
    circles[Math.min(last, Math.max(0, chosen + steps[event.key]))].focus();
  });
}

document.querySelectorAll(".sortable").forEach(makeSortable);
const { faces: shownFaces, ...planes } = JSON.parse(document.getElementById("points").textContent);
for (const [name, points] of Object.entries(planes)) makePlane(document.getElementById(name), points, shownFaces);

// Figures that are wider than a phone scroll, by the keyboard too.
function reachable(box) {
  if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
  else box.removeAttribute("tabindex");
}
const sizes = new ResizeObserver((entries) => entries.forEach((entry) => reachable(entry.target)));
document.querySelectorAll(".drawing").forEach((box) => sizes.observe(box));

// On paper everything is unfolded; then what the reader had folded is folded again.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = Array.from(document.querySelectorAll("details:not([open])"));
  unfolded.forEach((part) => (part.open = true));
});
addEventListener("afterprint", () => unfolded.forEach((part) => (part.open = false)));
