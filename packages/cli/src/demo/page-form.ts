/** Something in a form that may be sent. */
export interface Control {
  name: string
  type: string
  value: string
  /** Of a radio button, a check box or an option. */
  checked: boolean
}

/** A form as it stands on a page. */
export interface PageForm {
  /** Where it is sent to; empty: to the page itself. */
  action: string
  method: 'get' | 'post'
  controls: readonly Control[]
}

type Attributes = Partial<Record<string, string>>

interface OpenForm extends PageForm {
  id: string | undefined
  controls: Control[]
}

/** Every form on a page, with its controls, also those that lie outside of it and name it. */
export function parseForms(html: string): readonly PageForm[] {
  const forms: OpenForm[] = []
  const strays: [form: string, control: Control][] = []
  let open: OpenForm | undefined
  let select: Attributes | undefined
  let options: Control[] = []
  const add = (attributes: Attributes, control: Control) => {
    if (attributes.form !== undefined) strays.push([attributes.form, control])
    else open?.controls.push(control)
  }
  for (const { tag, attributes } of tagsOf(html)) {
    if (tag === 'form') {
      const method = attributes.method?.toLowerCase() === 'post' ? 'post' : 'get'
      open = { id: attributes.id, action: attributes.action ?? '', method, controls: [] }
      forms.push(open)
    } else if (tag === '/form') open = undefined
    else if (tag === 'select') {
      select = attributes
      options = []
    } else if (tag === '/select' && select) {
      const [first] = options
      if (first && !options.some(({ checked }) => checked)) first.checked = true
      for (const option of options) add(select, option)
      select = undefined
    } else if (tag === 'option' && select) {
      const option = controlOf(select, 'option')
      options.push({ ...option, value: attributes.value ?? '', checked: 'selected' in attributes })
    } else if (tag === 'input') add(attributes, controlOf(attributes, 'text'))
    else if (tag === 'button') add(attributes, controlOf(attributes, 'submit'))
    else if (tag === 'textarea') add(attributes, controlOf(attributes, 'textarea'))
  }
  for (const [id, control] of strays) forms.find((form) => form.id === id)?.controls.push(control)
  return forms
}

function controlOf(attributes: Attributes, type: string): Control {
  const known = type === 'option' || type === 'textarea' ? type : (attributes.type?.toLowerCase() ?? type)
  return {
    name: 'disabled' in attributes ? '' : (attributes.name ?? ''),
    type: known,
    value: attributes.value ?? (known === 'checkbox' || known === 'radio' ? 'on' : ''),
    checked: 'checked' in attributes,
  }
}

const tagPattern = /<(\/?[a-z]+)((?:[^<>"']|"[^"]{0,4096}"|'[^']{0,4096}'){0,4096})>/iy
/** What is inside of these is no part of the page. */
const hidden: Readonly<Record<string, RegExp>> = {
  script: /<\/script/gi,
  style: /<\/style/gi,
  template: /<\/template/gi,
}

function* tagsOf(html: string): Generator<{ tag: string; attributes: Attributes }> {
  for (let at = html.indexOf('<'); at !== -1; at = html.indexOf('<', at)) {
    if (html.startsWith('<!--', at)) {
      at = html.indexOf('-->', at)
      if (at === -1) return
      continue
    }
    tagPattern.lastIndex = at
    const [whole = '<', name = '', text = ''] = tagPattern.exec(html) ?? []
    at += whole.length
    const tag = name.toLowerCase()
    const end = hidden[tag]
    if (end) {
      end.lastIndex = at
      if (!end.test(html)) return
      at = end.lastIndex
    } else if (tag !== '') yield { tag, attributes: parseAttributes(text) }
  }
}

function parseAttributes(text: string): Attributes {
  const attributes: Record<string, string> = Object.create(null)
  const pattern = /([^\s"'<>/=]{1,256})(?:\s{0,16}=\s{0,16}(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g
  for (const [, name = '', double, single, bare] of text.matchAll(pattern)) {
    attributes[name.toLowerCase()] ??= decodeEntities(double ?? single ?? bare ?? '')
  }
  return attributes
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

function decodeEntities(value: string): string {
  return value.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return entities[String(name).toLowerCase()] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
