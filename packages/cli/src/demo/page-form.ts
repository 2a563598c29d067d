import { type DefaultTreeAdapterTypes, parse } from 'parse5'

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

type Element = DefaultTreeAdapterTypes.Element
type ParentNode = DefaultTreeAdapterTypes.ParentNode

interface OpenForm extends PageForm {
  id: string | undefined
  controls: Control[]
}

/** Every form on a page, with its controls, also those that lie outside of it and name it. */
export function parseForms(html: string): readonly PageForm[] {
  const forms = new Map<Element, OpenForm>()
  const found: [owner: Element | undefined, element: Element][] = []
  let open: Element | undefined
  for (const element of elementsOf(parse(html, { scriptingEnabled: false }))) {
    if (element.tagName === 'form') {
      forms.set(element, formOf(element))
      open = element
    } else if (element.tagName in readers) found.push([formAround(element) ?? childless(open), element])
  }
  for (const [owner, element] of found) {
    const id = attribute(element, 'form')
    const form = id === undefined ? owner && forms.get(owner) : [...forms.values()].find((each) => each.id === id)
    form?.controls.push(...(readers[element.tagName]?.(element) ?? []))
  }
  return [...forms.values()]
}

/** A form that begins between the rows of a table has none of its controls inside; they follow it. */
function childless(form: Element | undefined): Element | undefined {
  return form?.childNodes.length === 0 ? form : undefined
}

const readers: Readonly<Partial<Record<string, (element: Element) => Control[]>>> = {
  input: (element) => [controlOf(element, attribute(element, 'type')?.toLowerCase() ?? 'text')],
  button: (element) => [controlOf(element, attribute(element, 'type')?.toLowerCase() ?? 'submit')],
  textarea: (element) => [{ ...controlOf(element, 'textarea'), value: textOf(element) }],
  select(element) {
    const options = [...elementsOf(element)]
      .filter(({ tagName }) => tagName === 'option')
      .map((option) => ({
        ...controlOf(element, 'option'),
        value: attribute(option, 'value') ?? textOf(option).trim(),
        checked: attribute(option, 'selected') !== undefined,
      }))
    const [first] = options
    if (first && !options.some(({ checked }) => checked)) first.checked = true
    return options
  },
}

function formOf(element: Element): OpenForm {
  return {
    id: attribute(element, 'id'),
    action: attribute(element, 'action') ?? '',
    method: attribute(element, 'method')?.toLowerCase() === 'post' ? 'post' : 'get',
    controls: [],
  }
}

function controlOf(element: Element, type: string): Control {
  return {
    name: attribute(element, 'disabled') === undefined ? (attribute(element, 'name') ?? '') : '',
    type,
    value: attribute(element, 'value') ?? (type === 'checkbox' || type === 'radio' ? 'on' : ''),
    checked: attribute(element, 'checked') !== undefined,
  }
}

/** All elements inside, in the order of the page. */
function* elementsOf(root: ParentNode): Generator<Element> {
  const waiting = [...root.childNodes].reverse()
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (!('tagName' in node)) continue
    yield node
    for (const child of node.childNodes.toReversed()) waiting.push(child)
  }
}

function formAround({ parentNode }: Element): Element | undefined {
  let node = parentNode
  while (node && 'tagName' in node && node.tagName !== 'form') node = node.parentNode
  return node && 'tagName' in node ? node : undefined
}

function attribute({ attrs }: Element, name: string): string | undefined {
  return attrs.find((each) => each.name === name)?.value
}

function textOf({ childNodes }: Element): string {
  return childNodes.map((node) => (node.nodeName === '#text' && 'value' in node ? node.value : '')).join('')
}
