import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import { CommandError } from '../command/errors.js'

/** The page that the browser reached. */
export interface Page {
  url: string
  status: number
  html: string
}

/** A headless browser that keeps cookies, follows redirects, and fills in the forms of a page. */
export interface ScriptedBrowser {
  open(url: string): Promise<Page>
  /** Submits a form on a page, with these values for the controls that the form has. */
  submit(page: Page, form: PageForm, answers: Answers): Promise<Page>
}

const maxRedirects = 10

interface Sending {
  body: string
  origin: string
}

/** Creates a browser with an empty cookie jar. */
export function createScriptedBrowser(fetch: typeof globalThis.fetch, signal: AbortSignal): ScriptedBrowser {
  // As in browsers, cookies are scoped to the host, not to the port.
  const jars = new Map<string, Map<string, string>>()

  async function send(url: string, form?: Sending): Promise<Response> {
    const { hostname } = new URL(url)
    const jar = jars.get(hostname) ?? new Map<string, string>()
    jars.set(hostname, jar)
    const headers = new Headers({ accept: 'text/html' })
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    if (form) {
      headers.set('origin', form.origin)
      headers.set('content-type', 'application/x-www-form-urlencoded')
    }
    const post = form ? { method: 'POST', body: form.body } : {}
    const response = await fetch(url, { ...post, headers, redirect: 'manual', signal })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^\s*([^=;]*)=([^;]*)/.exec(cookie) ?? []
      if (hasEnded(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  async function follow(start: string, sending?: Sending): Promise<Page> {
    let url = start
    let form = sending
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await send(url, form)
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399)
        return { url, status: response.status, html: await response.text() }
      await response.body?.cancel()
      if (response.status < 307) form = undefined
      url = new URL(location, url).href
    }
    throw new CommandError(`The browser was redirected more than ${maxRedirects} times.`)
  }

  return {
    open: (url) => follow(url),
    async submit(page, form, answers) {
      const url = new URL(form.action, page.url)
      const body = fillForm(form, answers).toString()
      if (form.method === 'post') return follow(url.href, { body, origin: new URL(page.url).origin })
      url.search = body
      return follow(url.href)
    },
  }
}

function hasEnded(cookie: string): boolean {
  const [, age] = /;\s*max-age\s*=\s*"?(-?\d+)/i.exec(cookie) ?? []
  if (age !== undefined) return Number(age) <= 0
  const [, expires = ''] = /;\s*expires\s*=\s*([^;]+)/i.exec(cookie) ?? []
  return Date.parse(expires) < Date.now()
}

/** A form control that may be submitted. */
interface Control {
  name: string
  type: string
  value: string
  /** For radio buttons, check boxes and options. */
  checked: boolean
}

/** A form as parsed from a page. */
export interface PageForm {
  /** URL to submit to; empty for the page itself. */
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

/** Returns all forms on a page with their controls, including controls outside a form that refer to it by id. */
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

/** A form that starts between table rows is parsed without children. Its controls follow it as siblings. */
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

/** All descendant elements, in document order. */
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

/** The values that a user enters and the button that they press, by control name. */
export type Answers = Readonly<Record<string, string>>

/** Button types; only the pressed button is submitted. */
const buttons: ReadonlySet<string> = new Set(['submit', 'button', 'reset', 'image'])
/** Control types that are submitted only if checked. */
const choices: ReadonlySet<string> = new Set(['radio', 'checkbox', 'option'])

/** Whether a form has a field or button of this name. */
export function hasControl({ controls }: PageForm, name: string): boolean {
  return controls.some((control) => control.name === name)
}

/**
 * Returns the data that a browser submits: the given values for the fields that the form has, the values on the page for all other fields,
 * and one button, either the one given in the values or else the first.
 */
export function fillForm({ controls }: PageForm, answers: Answers): URLSearchParams {
  const sent = new URLSearchParams()
  const answered = new Set<string>()
  for (const { name, type, value, checked } of controls) {
    if (name === '' || buttons.has(type)) continue
    if (type !== 'hidden' && Object.hasOwn(answers, name)) {
      if (!answered.has(name)) sent.append(name, answers[name] ?? '')
      answered.add(name)
    } else if (!choices.has(type) || checked) sent.append(name, value)
  }
  const submits = controls.filter(({ type }) => type === 'submit')
  const pressed =
    submits.find(({ name, value }) => answers[name] === value && !answered.has(name)) ??
    submits.find(({ name }) => !Object.hasOwn(answers, name))
  if (pressed && pressed.name !== '') sent.append(pressed.name, pressed.value)
  return sent
}
