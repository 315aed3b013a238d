export type Child = Node | string | null | false;
type Value = string | number | boolean | undefined | ((event: Event) => void);

/**
 * An element with attributes and children. `onclick` and its like are listeners; `true` is an
 * attribute without a value, `false` and `undefined` leave it out. Text is always text.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== false));
  return made;
}

/** The element of the page with that id. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * Puts children into an element in place of those before, keeping the focus where it was if an
 * element with the same `data-key` is there again.
 */
export function replaceContent(parent: Element, ...children: readonly Child[]): void {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.getAttribute("data-key") ?? null;
  parent.replaceChildren(...children.filter((child) => child !== null && child !== false));
  if (key === null) return;
  for (const one of parent.querySelectorAll<HTMLElement>("[data-key]")) {
    if (one.dataset["key"] === key) one.focus({ preventScroll: true });
  }
}
