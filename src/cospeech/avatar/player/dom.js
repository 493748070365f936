// The page's own elements.

export const element = (id) => document.getElementById(id);

/** The text of a data block; the block is dropped then, for it can be large. */
export function take(id) {
  const block = element(id);
  const text = block.textContent;
  block.remove();
  return text;
}

/** Tell the user something about this page; an empty text takes it away. */
export function say(text) {
  const box = element("message");
  box.textContent = text;
  box.hidden = !text;
}
