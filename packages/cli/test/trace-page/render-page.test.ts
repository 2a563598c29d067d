import { createHash } from 'node:crypto'
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from 'parse5'
import { beforeAll, describe, expect, it } from 'vitest'
import { startProgram } from '../run-program.js'

const hostile = `</script></style><img src=x onerror=alert(1)>"'&amp;\u202egnp.exe\u2066`
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = [
  part({ typ: hostile, alg: 'EdDSA' }),
  part({ jti: 'token-1234', iss: hostile, [hostile]: hostile }),
  'AAAA',
].join('.')

const messages = [hostile, 'plain'].map((text) => ({
  from: 'agent',
  to: 'resource',
  request: {
    method: 'GET',
    url: `https://api.example/data?q=${encodeURIComponent(text)}`,
    headers: {
      host: hostile,
      'x-note': `id="value-4321" ${text}`,
      'body-length': '12',
      'signature-key': `sig1=(scheme=jwt jwt="${token}")`,
      'signature-input': 'sig1=("@method" "x-note");created=1',
      signature: 'sig1=:AAAA:',
    },
    body: text,
  },
  response: {
    status: 401,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: text, error_description: hostile }),
  },
}))

function* elementsOf(node: DefaultTreeAdapterTypes.ParentNode): Generator<DefaultTreeAdapterTypes.Element> {
  for (const child of node.childNodes) {
    if (!defaultTreeAdapter.isElementNode(child)) continue
    yield child
    yield* elementsOf(child)
  }
}

describe('the page of a run', () => {
  let page: string
  let elements: DefaultTreeAdapterTypes.Element[]
  beforeAll(async () => {
    const args = ['trace', '-', '--html', '--secrets']
    const { stdout } = await startProgram(args, { input: JSON.stringify({ messages }) }).finished
    page = stdout
    elements = [...elementsOf(parse(page))]
  })

  const attributes = (wanted: string) =>
    elements.flatMap(({ attrs }) => attrs.filter(({ name }) => name === wanted).map(({ value }) => value))

  it('shows hostile text as text, with characters that reverse it as escapes', () => {
    const loading = ['img', 'script', 'style', 'iframe', 'link']
    expect(elements.map(({ tagName }) => tagName).filter((name) => loading.includes(name))).toEqual(['style', 'script'])
    const names = elements.flatMap(({ attrs }) => attrs.map(({ name }) => name))
    expect(names.filter((name) => /^on|^style$|^src$/.test(name))).toEqual([])
    expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/)
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;\\u202egnp.exe\\u2066')
  })

  it('allows only its own style and script, and loads nothing', () => {
    const [policy = ''] = attributes('content').filter((content) => content.startsWith('default-src'))
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; base-uri 'none'; form-action 'none'$/,
    )
    for (const [tag, pattern] of [
      ['style', /<style>([\s\S]*?)<\/style>/],
      ['script', /<script>([\s\S]*?)<\/script>/],
    ] as const) {
      const hash = createHash('sha256').update(pattern.exec(page)?.[1] ?? '')
      expect(policy).toContain(`${tag}-src 'sha256-${hash.digest('base64')}'`)
    }
    const ids = attributes('id')
    expect(attributes('href').filter((href) => !ids.includes(href.slice(1)) || !href.startsWith('#'))).toEqual([])
    expect(ids).toHaveLength(new Set(ids).size)
  })

  it('connects the messages that contain the same value', () => {
    expect(page).toMatch(
      /<li id="v\d+"><b>token id<\/b> .*token-1234<\/a> <span>in messages <a href="#m1">1<\/a> and <a href="#m3">3<\/a>/,
    )
    expect(page).toMatch(/<li id="v\d+"><b>id<\/b> .*value-4321/)
  })

  it('marks what the signature covers, and shows the signature base line by line', () => {
    const [, message = ''] = /<article id="m3"([\s\S]*?)<\/article>/.exec(page) ?? []
    const signed = [...message.matchAll(/<span class="chip">signed: ([^<]*)</g)].map(([, components]) => components)
    expect(signed).toEqual(['@method', 'x-note'])
    const base = [...message.matchAll(/<li><code><b>&quot;([^&]*)&quot;<\/b>|<li><code><b>"([^"]*)"<\/b>/g)]
    expect(base.map(([, one, other]) => one ?? other)).toEqual(['@method', 'x-note', '@signature-params'])
  })

  it('shows a header as a header, even if its name starts like the label of a body', () => {
    expect(page).toContain('<b>Body-Length:</b> 12')
  })

  it('tells only what a run contains', () => {
    expect(page).toContain('<h2 id="simple-title">What happened</h2>')
    expect(attributes('class').filter((name) => name === 'more')).toHaveLength(2)
  })
})
