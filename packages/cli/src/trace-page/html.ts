import { printable } from '../terminal/text.js'

/** Markup that is safe to insert into a page. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Part = Html | string | number | undefined | false | readonly Part[]

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** Tag of templates whose values are escaped, also inside of quoted attributes. Markup, and lists of it, are inserted unchanged. */
export function html(texts: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(texts.map((text, index) => (index === 0 ? '' : markupOf(values[index - 1])) + text).join(''))
}

function markupOf(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Html) return part.markup
  if (typeof part === 'object') return part.map(markupOf).join('')
  // Characters that reverse or hide text are shown as escapes, as in a terminal.
  return printable(String(part)).replace(/[&<>"']/g, (character) => `&${entities[character]};`)
}
