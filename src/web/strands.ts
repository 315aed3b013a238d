const namespace = "http://www.w3.org/2000/svg";

/**
 * Draws a strand from every row of a leg's column to the row of the same document in the fused one,
 * anew whenever the columns change their size. Pictures only: the rank marks say the same in words.
 */
export function drawStrands(columns: HTMLElement): void {
  const picture = document.createElementNS(namespace, "svg");
  picture.setAttribute("class", "strands");
  picture.setAttribute("aria-hidden", "true");
  columns.append(picture);
  new ResizeObserver(() => draw(columns, picture)).observe(columns);
  for (const row of columns.querySelectorAll<HTMLElement>(".row")) {
    const light = (on: boolean): void => lightUp(columns, row.dataset["doc"] ?? "", on);
    row.addEventListener("pointerenter", () => light(true));
    row.addEventListener("pointerleave", () => light(false));
    row.addEventListener("focusin", () => light(true));
    row.addEventListener("focusout", () => light(false));
  }
}

function draw(columns: HTMLElement, picture: SVGSVGElement): void {
  const frame = columns.getBoundingClientRect();
  picture.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const rows = (name: string): HTMLElement[] => [
    ...columns.querySelectorAll<HTMLElement>(`.${name} .row`),
  ];
  const fused = new Map(rows("fused").map((row) => [row.dataset["doc"], row]));
  const paths: SVGPathElement[] = [];
  for (const leg of ["sparse", "dense"] as const) {
    for (const row of rows(leg)) {
      const other = fused.get(row.dataset["doc"]);
      if (other === undefined) continue;
      const from = row.getBoundingClientRect();
      const to = other.getBoundingClientRect();
      // Columns below one another have no room for strands.
      if (from.right > to.left && to.right > from.left) continue;
      const x1 = (leg === "sparse" ? from.right : from.left) - frame.left;
      const x2 = (leg === "sparse" ? to.left : to.right) - frame.left;
      const y1 = from.top + 14 - frame.top;
      const y2 = to.top + 14 - frame.top;
      const middle = (x1 + x2) / 2;
      const path = document.createElementNS(namespace, "path");
      path.setAttribute("class", `strand-${leg}`);
      path.setAttribute("data-doc", row.dataset["doc"] ?? "");
      path.setAttribute("d", `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
      paths.push(path);
    }
  }
  picture.replaceChildren(...paths);
}

function lightUp(columns: HTMLElement, id: string, on: boolean): void {
  for (const one of columns.querySelectorAll("[data-doc]")) {
    if (one.getAttribute("data-doc") === id) one.classList.toggle("lit", on);
  }
}
