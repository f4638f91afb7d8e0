// Elements of the page. Texts get into it as texts alone, with what is invisible in them escaped.
import { pieces, visible } from './text.js'

/** The element that the document has under this name. */
export function find<E extends HTMLElement>(name: string, type: new () => E): E {
  const found = document.getElementById(name)
  if (!(found instanceof type)) throw new TypeError(`the page has no ${type.name} ${name}`)
  return found
}

/** An element with a text, or with others in it. */
export function make(
  tag: string,
  content: string | readonly Node[],
  className?: string,
): HTMLElement {
  const element = document.createElement(tag)
  if (typeof content === 'string') element.textContent = visible(content)
  else element.append(...content)
  if (className !== undefined) element.className = className
  return element
}

/** A row of a table; its first cell says what it is about. */
export function row(
  title: string | readonly Node[],
  ...cells: readonly HTMLElement[]
): HTMLElement {
  const head = make('th', title)
  head.setAttribute('scope', 'row')
  return make('tr', [head, ...cells])
}

/** Puts a text there unless it is there, so that nobody is told twice. */
export function say(element: HTMLElement, text: string): void {
  const shown = visible(text)
  if (element.textContent !== shown) element.textContent = shown
}

/** Puts a value there as JSON. */
export function showJson(element: HTMLElement, value: unknown): void {
  const parts = [...pieces(value)].map(({ text, isForeign }) => {
    if (!isForeign) return document.createTextNode(text)
    const apart = document.createElement('bdi')
    apart.textContent = text
    return apart
  })
  element.replaceChildren(...parts)
}
