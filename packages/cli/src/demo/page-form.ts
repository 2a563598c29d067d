/** A form as it stands on a page. */
export interface PageForm {
  /** Where it posts to. */
  action: string
  /** Its hidden fields, by name. */
  hidden: Record<string, string>
}

/** The first form on a page that has a control of this name, or undefined. */
export function findForm(html: string, control: string): PageForm | undefined {
  for (const [, attributes = '', inner = ''] of html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)) {
    const controls = [...inner.matchAll(/<(?:input|button)\b([^>]*)>/gi)].map(([, text = '']) => parseAttributes(text))
    if (!controls.some(({ name }) => name === control)) continue
    const hidden: Record<string, string> = {}
    for (const { type, name, value } of controls) {
      if (type === 'hidden' && name !== undefined) hidden[name] = value ?? ''
    }
    return { action: parseAttributes(attributes).action ?? '', hidden }
  }
  return undefined
}

function parseAttributes(text: string): Partial<Record<string, string>> {
  const pairs = [...text.matchAll(/([a-z-]+)="([^"]*)"/gi)]
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name.toLowerCase(), decodeEntities(value)]))
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" }

function decodeEntities(value: string): string {
  return value.replaceAll(/&(#?\w+);/g, (whole, name: string) => entities[name] ?? whole)
}
