import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from 'parse5'
import { beforeAll, describe, expect, it } from 'vitest'
import { runInProcess, startProgram } from './run-program.js'

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element

function textOf(node: Node): string {
  if (defaultTreeAdapter.isTextNode(node)) return node.value
  // What a reader without a style sheet or script sees.
  if (!('childNodes' in node) || ['style', 'script'].includes(node.nodeName)) return ''
  return node.childNodes.map(textOf).join('')
}

function findAll(node: Node, fits: (element: Element) => boolean): Element[] {
  if (!('childNodes' in node)) return []
  const inside = node.childNodes.flatMap((child) => findAll(child, fits))
  return defaultTreeAdapter.isElementNode(node) && fits(node) ? [node, ...inside] : inside
}

const withAttribute = (name: string, value: string) => (element: Element) =>
  element.attrs.some((each) => each.name === name && each.value === value)
const withTag = (name: string) => (element: Element) => element.tagName === name

interface TraceDocument {
  messages: Record<'request' | 'response', { headers: Record<string, string>; body: string | null } | null>[]
}

const flags = ['--ports', '0,0,0']

describe.each(['january', 'draft-11'])('countersign demo --page of %s', (edition) => {
  let html: string
  let page: Node
  beforeAll(async () => {
    const { status, stdout, stderr } = await runInProcess('demo', '--page', ...flags, '--edition', edition)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    html = stdout
    page = parse(html)
  })

  it('tells the flow in nine sentences, each at its own message, in order', () => {
    const [simple] = findAll(page, withAttribute('id', 'simple'))
    const [story] = simple ? findAll(simple, withTag('ol')) : []
    const links = story ? findAll(story, withAttribute('class', 'more')) : []
    const numbers = links.map((link) => Number(link.attrs.find(({ name }) => name === 'href')?.value.slice(2)))
    expect(numbers).toHaveLength(9)
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other))
  })

  it('states every refusal as the server sent it', () => {
    const [list] = findAll(page, withAttribute('class', 'attempts'))
    const cards = list ? findAll(list, withAttribute('class', 'card')) : []
    const refusals = cards.map((card) => {
      const [stated] = findAll(card, withAttribute('class', 'refusal'))
      const sent = findAll(card, withTag('pre'))
        .map(textOf)
        .findLast((body) => body.includes('"error"'))
      return [stated && textOf(stated), sent]
    })
    expect(refusals).toHaveLength(7)
    for (const [stated, sent] of refusals.slice(0, -1)) {
      const { error, error_description, detail } = JSON.parse(sent ?? '') as Record<string, string>
      expect(stated).toBe(`401 Unauthorized ${error}: ${error_description ?? detail}`)
    }
    expect(refusals.at(-1)).toEqual(['303 See Other access_denied: the user did not allow it', undefined])
  })

  it('says who signed only for the parties of the flow', () => {
    const signers = [...html.matchAll(/Signed by the ([^.]*)\./g)].map(([, signer]) => signer)
    expect([...new Set(signers)]).toEqual(['agent'])
    expect(html).toContain('Sent by someone else, with a signature.')
  })

  it('explains every claim', () => {
    const claims = [...html.matchAll(/<dt>([^<]*)<\/dt><dd><code>.*?<\/code>(<span class="why">)?/g)]
    expect(claims.length).toBeGreaterThan(30)
    expect(claims.filter(([, , why]) => why === undefined).map(([, name]) => name)).toEqual([])
  })

  it('finds the thumbprint of the agent’s key in its key set, a resource token and an auth token', () => {
    const [entry] = findAll(page, withTag('li')).filter((item) =>
      textOf(item).startsWith('thumbprint of the agent’s key'),
    )
    const numbers = (entry ? findAll(entry, withTag('a')) : []).map(textOf).slice(1)
    const holders = numbers.flatMap((number) => findAll(page, withAttribute('id', `m${number}`))).map(textOf)
    for (const part of ['"keys"', 'Resource token, decoded', 'Auth token, decoded'])
      expect(holders.filter((text) => text.includes(part)).length).toBeGreaterThan(0)
  })

  it('is complete without a script: the page of a recorded run contains every header and body', async () => {
    const { stdout: recorded } = await runInProcess('demo', '--json', ...flags, '--edition', edition)
    const { stdout } = await startProgram(['trace', '-', '--html', '--secrets'], { input: recorded }).finished
    const text = textOf(parse(stdout))
    const { messages } = JSON.parse(recorded) as TraceDocument
    const parts = messages
      .flatMap(({ request, response }) => [request, response])
      .flatMap((message) => {
        const { headers = {}, body = null } = message ?? {}
        const members = body?.startsWith('{') ? Object.values(JSON.parse(body) as object) : []
        return [...Object.values(headers), ...members.filter((value) => typeof value === 'string')]
      })
      .flatMap((value) => value.split(/eyJ[\w-]+\.[\w-]+\.[\w-]+/))
    expect(parts.length).toBeGreaterThan(100)
    expect(parts.filter((part) => !text.includes(part))).toEqual([])
  })
})

it('is not combined with flags for other output', async () => {
  for (const flag of ['--json', '--trace', '--quiet', '--deny', '--browser', '--serve', '--interop']) {
    const { status, stderr } = await runInProcess('demo', '--page', flag)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('--page') as string })
  }
})
