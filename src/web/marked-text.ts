const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};

/** A piece of a passage. */
export interface TextPiece {
  readonly text: string;
  readonly marked: boolean;
}

/**
 * The pieces of a highlighted passage. The service escapes everything and adds nothing but `<mark>`;
 * the page reads it back to text all the same, so that nothing an index holds is ever markup here.
 */
export function markedPieces(html: string): TextPiece[] {
  const pieces: TextPiece[] = [];
  let marked = false;
  for (const part of html.split(/(<mark>|<\/mark>)/)) {
    if (part === "<mark>") marked = true;
    else if (part === "</mark>") marked = false;
    else if (part !== "") pieces.push({ text: withoutEntities(part), marked });
  }
  return pieces;
}

function withoutEntities(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity);
}
