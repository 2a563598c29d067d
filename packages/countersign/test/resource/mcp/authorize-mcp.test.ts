import {
  authorizeMcp,
  checkMirrors,
  filteredList,
  judgeMcpRequest,
  type McpMessage,
  type McpTable,
  mirroredParameters,
  readMcpMessage,
  requestsList,
} from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { message, modern } from './mcp-stage.js'

const table: McpTable = {
  tools: { read_note: 'notes.read', write_note: 'notes.write', ping_me: '' },
  resources: {
    'notes://public/*': '',
    'notes://*': 'notes.read',
    'notes://*/draft': 'notes.write',
    'x:*:z': 'notes.read',
  },
  prompts: { summary: 'notes.read' },
  methods: { 'x/special': 'notes.write' },
}

function readStrictly(body: unknown): McpMessage {
  const found = readMcpMessage(body)
  if ('reason' in found) throw new TypeError(found.reason)
  return found
}

const judged = (body: unknown) => {
  const found = authorizeMcp(readStrictly(body), table)
  return 'scope' in found ? found.scope : found.code
}

describe('M03: what a message needs is in the table, or it is refused', () => {
  it.each<[string, Record<string, unknown>, string | number]>([
    ['initialize', {}, ''],
    ['tools/list', {}, ''],
    ['tools/call', { name: 'read_note' }, 'notes.read'],
    ['tools/call', { name: 'write_note', arguments: {} }, 'notes.write'],
    ['tools/call', { name: 'ping_me' }, ''],
    ['tools/call', { name: 'other' }, -32602],
    ['tools/call', { name: 'toString' }, -32602],
    ['tools/call', { name: '__proto__' }, -32602],
    ['tools/call', { name: 'Read_note' }, -32602],
    ['tools/call', { name: ['read_note'] }, -32602],
    ['tools/call', {}, -32602],
    ['prompts/get', { name: 'summary' }, 'notes.read'],
    ['prompts/get', { name: 'read_note' }, -32602],
    ['resources/read', { uri: 'notes://public/1' }, ''],
    ['resources/read', { uri: 'notes://mine/1' }, 'notes.read'],
    ['resources/read', { uri: 'notes://mine/draft' }, 'notes.write'],
    ['resources/read', { uri: 'notes://public/draft' }, 'notes.write'],
    ['resources/read', { uri: 'x:y:z' }, 'notes.read'],
    ['resources/read', { uri: 'x:z' }, -32602],
    ['resources/read', { uri: 'notes://*' }, 'notes.read'],
    ['resources/read', { uri: 'file:///etc/passwd' }, -32602],
    ['resources/read', { uri: 'notes://public/../mine/1' }, -32602],
    ['resources/read', { uri: 'notes://public/%2e%2e/mine/1' }, -32602],
    ['resources/read', { uri: 'notes://public\\..\\mine' }, -32602],
    ['resources/subscribe', { uri: 'notes://mine/1' }, 'notes.read'],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'summary' } }, 'notes.read'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'notes://mine/{id}' } }, 'notes.read notes.write'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'notes://{+path}' } }, 'notes.read notes.write'],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'file:///{+path}' } }, -32602],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'notes://mine/1' } }, 'notes.read'],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'read_note' } }, -32602],
    ['subscriptions/listen', { notifications: { toolsListChanged: true } }, ''],
    [
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: ['notes://mine/1', 'notes://a/draft'] } },
      'notes.read notes.write',
    ],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: ['notes://mine/1', 'file:///x'] } }, -32602],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: 'file:///x' } }, -32602],
    ['x/special', {}, 'notes.write'],
    ['tasks/get', {}, -32601],
    ['toString', {}, -32601],
    ['Tools/call', { name: 'read_note' }, -32601],
  ])('%s %j', (method, params, expected) => {
    expect(judged(message(method, params))).toBe(expected)
  })

  it.each([
    'notes://priv\tate/1',
    'notes://mine\n/1',
    'file:///srv/public/.\t./.\t./etc/secret',
    ' notes://mine/1',
    'notes://mine/1 ',
    'file:///srv/%70rivate/x',
    'file:///srv/pri%76ate/x',
    'file:///srv//private/x',
    'file:///srv/public/%00',
    'file:///srv/public/%2',
    'file:///srv/public/x%2Fy',
    'file:///srv/public/ü',
    'notes://mine/a?/../../private/b',
    'notes://mine/a?x=../private',
    'notes://mine/a#/../../private/b',
    'notes://mine/a#b',
    'notes:mine/../private/b',
    'notes:../private/b',
    'notes:mine/./b',
    'notes://mine/..\\..\\private\\b',
    'notes://mine/a?//b',
    `notes://mine/${'a'.repeat(2048)}`,
    'https://API.example/x',
    'https://api.example:443/x',
    'no-scheme',
  ])('a URI that another reader reads as another one is of nothing: %j', (uri) => {
    const open = { resources: { '*:*': '', 'file:///srv/public/*': '', 'notes://*': '' } }
    const read = (method: string, params: Record<string, unknown>) =>
      authorizeMcp(readStrictly(message(method, params)), open)
    expect(read('resources/read', { uri })).toMatchObject({ code: -32602 })
    expect(read('resources/subscribe', { uri })).toMatchObject({ code: -32602 })
    expect(read('subscriptions/listen', { notifications: { resourceSubscriptions: [uri] } })).toMatchObject({
      code: -32602,
    })
  })

  it.each(['file:///srv/public/a%20b', 'notes://Mine/1?x=%26', 'https://api.example', 'urn:x:1', 'x:y:z'])(
    'a URI that is written in the one way is found: %s',
    (uri) => {
      const found = authorizeMcp(readStrictly(message('resources/read', { uri })), {
        resources: { [uri]: 'notes.read' },
      })
      expect(found).toEqual({ scope: 'notes.read' })
    },
  )

  it.each(['tools/call', 'resources/read', 'tools/list', 'ping', 'initialize'])(
    '%s without an id is refused',
    (method) => {
      const params = { name: 'read_note', uri: 'notes://mine/1' }
      const { id: _id, ...notification } = message(method, params)
      expect(authorizeMcp(readStrictly(notification), table)).toMatchObject({ status: 400, code: -32600 })
    },
  )

  it('judges a whole request by its head and content, and filters lists', () => {
    const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
    const judge = (value: unknown, ...more: string[]) => {
      const rawHeaders = ['content-type', 'application/json', ...more]
      return judgeMcpRequest({ method: 'POST', rawHeaders }, bytes(value), table)
    }
    const list = message('tools/list')
    expect(judge(message('tools/call', { name: 'read_note' }))).toMatchObject({ scope: 'notes.read' })
    expect(judge([list])).toMatchObject({ status: 400 })
    expect(judge(list, 'Mcp_Name', 'x')).toMatchObject({ status: 400, code: -32020 })
    expect(judge(list, 'content-type', 'text/plain')).toMatchObject({ status: 415 })
    expect(judge(message('ping', { many: Array.from({ length: 20_001 }, () => 1) }))).toMatchObject({ status: 413 })
    const plain = { method: 'POST', rawHeaders: ['content-type', 'application/json;charset=utf-8;'] }
    expect(judgeMcpRequest(plain, bytes(list), table)).toMatchObject({ scope: '' })
    const closing = { method: 'DELETE', rawHeaders: [] }
    expect(judgeMcpRequest(closing, new Uint8Array(0), table)).toEqual({ message: undefined, scope: '' })
    expect(judgeMcpRequest(closing, bytes({}), table)).toMatchObject({ status: 400 })
    const asked = readStrictly(list)
    expect(requestsList(asked)).toBe(true)
    const answer = { jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'read_note' }, { name: 'other' }] } }
    expect(filteredList(answer, asked, table)).toMatchObject({ result: { tools: [{ name: 'read_note' }] } })
  })

  it.each(['initialized', 'cancelled', 'progress', 'roots/list_changed'])('notifications/%s needs nothing', (name) => {
    const { id: _id, ...notification } = message(`notifications/${name}`)
    expect(authorizeMcp(readStrictly(notification), table)).toEqual({ scope: '' })
  })

  it('responds 404 to an unknown method from 2026-07-28 on, and 200 before', () => {
    const { body } = modern('tasks/get')
    expect(authorizeMcp(readStrictly(body), table)).toMatchObject({ status: 404, code: -32601 })
    expect(authorizeMcp(readStrictly(message('tasks/get')), table)).toMatchObject({ status: 200, code: -32601 })
  })

  it.each(['GET', 'DELETE'])('refuses a %s request with a body of one byte', (method) => {
    const refused = judgeMcpRequest({ method, rawHeaders: [] }, new Uint8Array(1), table)
    expect(refused).toMatchObject({ status: 400, code: -32600 })
  })

  it.each([['text'], [null], [{ jsonrpc: '2.0', id: 1, result: 'text' }]])(
    'replaces an unreadable response to a list request by an error with the id of the request: %j',
    (response) => {
      const shown = filteredList(response, readStrictly(message('tools/list', {}, { id: 7 })), table)
      expect(shown).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -32603 } })
    },
  )

  it('an answer of the client needs nothing of its own', () => {
    expect(judged({ jsonrpc: '2.0', id: 1, result: {} })).toBe('')
  })

  it('a method that a version without sessions has removed is not found', () => {
    for (const method of ['resources/subscribe', 'resources/unsubscribe'])
      expect(authorizeMcp(readStrictly(modern(method, { uri: 'notes://mine/1' }).body), table)).toMatchObject({
        status: 404,
        code: -32_601,
      })
  })
})

describe('M01: a body that two readers could read in two ways is refused', () => {
  it.each<[string, unknown]>([
    ['a batch', [message('tools/list')]],
    ['no object', 'tools/list'],
    ['another version of JSON-RPC', message('tools/list', {}, { jsonrpc: '1.0' })],
    ['a method in capitals besides', message('tools/list', {}, { Method: 'tools/call' })],
    ['Params besides', message('tools/list', {}, { PARAMS: { name: 'write_note' } })],
    ['a name in capitals besides', message('tools/call', { name: 'read_note', Name: 'write_note' })],
    ['a name in wide letters besides', message('tools/call', { name: 'read_note', ｎａｍｅ: 'write_note' })],
    ['a uri in capitals', message('resources/read', { URI: 'notes://mine/1' })],
    ['a method with an end that readers of C do not see', message('tools/list', {}, { 'method\0x': 'tools/call' })],
    ['a name with an invisible character', message('tools/call', { name: 'read_note', 'na\u200bme': 'write_note' })],
    [
      'a name with sixty invisible characters',
      message('tools/call', { name: 'read_note', [`na${'\u200b'.repeat(60)}me`]: 'write_note' }),
    ],
    ['a name with a variation selector', message('tools/call', { name: 'read_note', 'name\ufe0f': 'write_note' })],
    ['a uri with a dotless i', message('resources/read', { uri: 'notes://public/1', 'ur\u0131': 'notes://mine/1' })],
    [
      'a uri with a dotted capital',
      message('resources/read', { uri: 'notes://public/1', 'UR\u0130': 'notes://mine/1' }),
    ],
    ['params with a long s', message('tools/list', {}, { 'param\u017f': {} })],
    ['a request that is a response', message('tools/list', {}, { result: {} })],
    ['neither', { jsonrpc: '2.0', id: 1 }],
    ['both answers', { jsonrpc: '2.0', id: 1, result: {}, error: {} }],
    ['a response without an id', { jsonrpc: '2.0', result: {} }],
    ['params as a list', message('tools/call', [] as never)],
    ['no number', message('tools/list', {}, { id: null })],
    ['a number that JSON has no end for', message('tools/list', {}, { id: Number.POSITIVE_INFINITY })],
    ['a part of a number', message('tools/list', {}, { id: 1.5 })],
    ['a method that is no text', message(['tools/list'] as never)],
    [
      'a name in capitals in a ref',
      message('completion/complete', { ref: { type: 'ref/prompt', name: 'summary', Name: 'x' } }),
    ],
    [
      'subscriptions in capitals',
      message('subscriptions/listen', { notifications: { ResourceSubscriptions: ['notes://a/draft'] } }),
    ],
    ['_meta that is no object', message('tools/list', { _meta: 'x' })],
    [
      'a misspelled member of _meta',
      message('tools/list', { _meta: { 'io.modelcontextprotocol/ProtocolVersion': '2026-07-28' } }),
    ],
    ['a version that is no text', message('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': 1 } })],
  ])('%s', (_case, body) => {
    expect(readMcpMessage(body)).toMatchObject({ status: 400, code: -32600 })
  })

  it.each<[string, (name: string) => Record<string, unknown>]>([
    ['message', (name) => message('tools/list', {}, { [name]: 1 })],
    ['params', (name) => message('tools/list', { [name]: 1 })],
    ['ref', (name) => message('completion/complete', { ref: { [name]: 1 } })],
    ['notifications', (name) => message('subscriptions/listen', { notifications: { [name]: 1 } })],
    ['_meta', (name) => message('tools/list', { _meta: { [name]: 1 } })],
  ])('and the reason quotes at most 100 characters of a member of %s', (part, containing) => {
    const reason = `${part} has an unknown member "\\u0000${'x'.repeat(99)}".`
    expect(readMcpMessage(containing(`\0${'x'.repeat(500_000)}`))).toMatchObject({ status: 400, reason })
  })
})

describe('M24: a URI needs both scopes if some servers read it as one that another entry lists', () => {
  const resources = {
    'notes://*': 'notes.read',
    'notes://private/*': 'notes.admin',
    'notes://private': 'notes.admin',
    'notes://a/secret': 'notes.admin',
    'notes://public/*': '',
    'file:///srv/*': 'files.read',
    'file:///srv/private/*': 'files.admin',
    'file:///srv/private': 'files.admin',
  }
  const scopeOf = (uri: string) => {
    const found = authorizeMcp(readStrictly(message('resources/read', { uri })), { resources })
    return 'scope' in found ? found.scope.split(' ').toSorted().join(' ') : 'refused'
  }

  it.each([
    'notes://Private/1',
    'notes://PRIVATE/1',
    'notes://Private',
    'notes://a/Secret',
    'notes://a/secret/',
    'notes://a/secret.',
    'notes://a/secret%20',
    'notes://a/secret;x=1',
    'notes://a/secret;x=1?y',
    'notes://a/secret?',
    'notes://a/secret?x=1',
    'notes://a/secret/?x=1',
    'notes://a/secret%3Fx=1',
    'notes://a/secret%23x',
    'notes://a/secret%E2%80%8B',
    'notes://a/%C5%BFecret',
    'notes://a/%EF%BD%93ecret',
    'notes://a/s%C2%ADecret',
    'notes://a:80/secret',
    'notes://user@a/secret',
    'notes://user:x@a:1/secret',
    'notes://pr%C4%B1vate/1',
    'notes://private:1/1',
    'notes://private?x',
  ])('%s', (uri) => expect(scopeOf(uri)).toBe('notes.admin notes.read'))

  it.each([
    'file:///srv/Private/1',
    'file:///srv/PRIVATE',
    'file:///srv/private./1',
    'file:///srv/private%20/1',
    'file:///srv/private::$DATA',
  ])('%s', (uri) => expect(scopeOf(uri)).toBe('files.admin files.read'))

  it.each([
    'notes://a/%2570rivate',
    'notes://a/%FFsecret',
    'notes://a/secret%00',
    'notes://a/secret%C2%85',
    'notes://a\\secret',
    'file:///srv\\private/1',
    'file://localhost/srv/private/1',
    'FILE:///srv/private/1',
    'notes://a:/secret',
    'notes://@a/secret',
    'notes://a/%73ecret',
    'notes://a/b/../secret',
    'notes://a/b/%2e%2e/secret',
    'notes://a//secret',
    'notes://a/secret#x',
    'notes://ａ/secret',
  ])('%s can be read in two ways, and is refused', (uri) => expect(scopeOf(uri)).toBe('refused'))

  it.each([
    ['notes://private/1', 'notes.admin'],
    ['notes://private/', 'notes.admin'],
    ['notes://mine/%C3%89t%C3%A9', 'notes.read'],
    ['notes://public/1', ''],
    ['notes://publicity/1', 'notes.read'],
    ['notes://mine/1', 'notes.read'],
    ['notes://mine/1?x=y', 'notes.read'],
    ['notes://mine/caf%C3%A9%20100%25', 'notes.read'],
    ['notes://Public/1', 'notes.read'],
    ['notes://secret', 'notes.read'],
  ])('%s needs %s alone', (uri, scope) => expect(scopeOf(uri)).toBe(scope))

  it.each([
    ['a name of 2048 characters', 'tools/call', { name: 'a'.repeat(2048) }, 'There is no tool'],
    ['a longer name', 'tools/call', { name: 'a'.repeat(2049) }, 'each in 1 to 2048 characters'],
    ['no name', 'tools/call', { name: '' }, 'each in 1 to 2048 characters'],
    [
      '101 resources',
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: Array(101).fill('notes://public/1') } },
      'at most 100 resources',
    ],
  ])('%s: the refusal says why', (_what, method, params, reason) => {
    expect(authorizeMcp(readStrictly(message(method, params)), { resources })).toMatchObject({
      code: -32_602,
      reason: expect.stringContaining(reason) as unknown,
    })
  })

  it('a hundred long URIs of dots are compared in little time', () => {
    const uris = Array.from({ length: 100 }, (_, at) => `notes://public/${'.'.repeat(2000)}${at}`)
    const listen = readStrictly(message('subscriptions/listen', { notifications: { resourceSubscriptions: uris } }))
    const before = process.cpuUsage()
    expect(authorizeMcp(listen, { resources })).toEqual({ scope: '' })
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(200)
  })

  it('and a template of a list that is longer than a URI is not listed', () => {
    const listed = (name: string) => {
      const uriTemplate = `notes://mine/${name}/{id}`
      const list = { jsonrpc: '2.0', id: 1, result: { resourceTemplates: [{ name: 'x', uriTemplate }] } }
      return filteredList(list, readStrictly(message('resources/templates/list', {}, { id: 1 })), { resources })
    }
    expect(JSON.stringify(listed('a'))).toContain('notes://mine/a')
    const before = process.cpuUsage()
    expect(JSON.stringify(listed('\u0301\u0323'.repeat(20_000)))).not.toContain('notes://')
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(100)
  })

  it('and so does a template whose start is written in other letters', () => {
    const found = authorizeMcp(
      readStrictly(message('completion/complete', { ref: { type: 'ref/resource', uri: 'notes://Private/{id}' } })),
      { resources },
    )
    expect(found).toEqual({ scope: 'notes.read notes.admin' })
  })
})

describe('M05: headers that mirror a message say what it says', () => {
  const call = modern('tools/call', { name: 'read_note', arguments: { id: 7, place: { city: 'Köln' } } })
  const lines = (headers: Record<string, string>) => Object.entries(headers).flat()
  const checked = (body: unknown, headers: Record<string, string>, more: string[] = []) =>
    checkMirrors(readStrictly(body), { rawHeaders: [...lines(headers), ...more] })?.code

  it('or it is refused', () => {
    const { body, headers } = call
    expect(checked(body, headers)).toBeUndefined()
    for (const name of Object.keys(headers)) {
      expect(checked(body, Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name))), name).toBe(
        -32020,
      )
      expect(checked(body, { ...headers, [name]: 'other' }), name).toBe(-32020)
      expect(checked(body, headers, [name.toUpperCase(), headers[name] ?? '']), `${name} twice`).toBe(-32020)
    }
    expect(checked(message('tools/call', { name: 'read_note' }), headers), 'no version in the body').toBe(-32602)
    expect(checked(body, { ...headers, 'mcp-name': `=?base64?${btoa('read_note')}?=` })).toBeUndefined()
    expect(checked(body, { ...headers, 'mcp-name': `=?base64?${btoa('write_note')}?=` })).toBe(-32020)
    expect(checked(body, { ...headers, 'mcp-name': '=?base64?%?=' })).toBe(-32020)
  })

  it.each<[string, string, number | undefined]>([
    ['id', '7', undefined],
    ['id', '8', -32020],
    ['city', `=?base64?${Buffer.from('Köln').toString('base64')}?=`, undefined],
    ['city', `=?base64?${Buffer.from('Bonn').toString('base64')}?=`, -32020],
  ])('of a parameter: %s %s', (name, value, expected) => {
    const { body, headers } = call
    expect(checked(body, { ...headers, [`mcp-param-${name}`]: value })).toBe(expected)
    expect(checked(body, { ...headers, [`mcp-param-${name}`]: value }, [`Mcp-Param-${name}`, value]), 'twice').toBe(
      -32020,
    )
  })

  it.each<[string, string, number | undefined]>([
    ['id', 'Köln', -32020],
    ['city', '7', -32020],
    ['other', '7', -32020],
    ['City', 'K', -32020],
    ['I-D', '7', undefined],
  ])('of a parameter, and not of any other: %s %s', (name, value, expected) => {
    const { body, headers } = call
    const encoded = `=?base64?${Buffer.from(value).toString('base64')}?=`
    expect(checked(body, { ...headers, [`mcp-param-${name}`]: encoded })).toBe(expected)
  })

  it('of a parameter that the tool’s definition names', () => {
    const { body, headers } = call
    const properties = {
      id: { type: 'integer', 'x-mcp-header': 'Number' },
      place: { properties: { city: { type: 'string', 'x-mcp-header': 'Where' } } },
      none: { type: 'string', 'x-mcp-header': 'None' },
    }
    const shown = mirroredParameters([{ name: 'read_note', inputSchema: { properties } }]).get('read_note')
    const city = `=?base64?${Buffer.from('Köln').toString('base64')}?=`
    const right = { 'Mcp-Param-Number': '7', 'mcp-param-where': city }
    const of = (given: object) =>
      checkMirrors(readStrictly(body), { rawHeaders: lines({ ...headers, ...given }) }, shown)?.code
    expect(of(right)).toBeUndefined()
    expect(of({ ...right, 'mcp-param-where': '7' })).toBe(-32020)
    expect(of({ ...right, 'mcp-param-id': '7' }), 'by another name').toBe(-32020)
    expect(of({ ...right, 'mcp-param-none': '7' }), 'of an argument that is not there').toBe(-32020)
    expect(of({ 'Mcp-Param-Number': '7' }), 'one is missing').toBe(-32020)
    expect(of({}), 'all are missing').toBe(-32020)
    const before = readStrictly(message('tools/call', { name: 'read_note', arguments: { id: 7 } }))
    expect(checkMirrors(before, { rawHeaders: [] }, shown), 'in older versions').toBeUndefined()
  })

  it('of a parameter beside one that is nested too deep', () => {
    let deep: object = { type: 'string' }
    for (let level = 0; level < 25; level++) deep = { properties: { deep } }
    const properties = { region: { type: 'string', 'x-mcp-header': 'Region' }, deep }
    const shown = mirroredParameters([{ name: 'read_note', inputSchema: { properties } }])
    expect(shown.get('read_note')?.get('region')).toEqual(['region'])
  })

  it('in older versions they may be absent, and not wrong', () => {
    const body = message('tools/call', { name: 'read_note' })
    expect(checked(body, { 'mcp-protocol-version': '2025-11-25' })).toBeUndefined()
    expect(checked(body, {})).toBeUndefined()
    expect(checked(body, { 'mcp-method': 'tools/list' })).toBe(-32020)
    expect(checked(body, { 'mcp-name': 'write_note' })).toBe(-32020)
    expect(checked(message('tools/list'), { 'mcp-name': 'read_note' })).toBe(-32020)
  })
})

it('a body of a stranger costs no more than parsing it', () => {
  const long = message('tools/call', { ['\ufdfa'.repeat(340_000)]: 1, name: 'read_note' })
  const many = message('tools/call', {
    name: 'read_note',
    arguments: Object.fromEntries(Array.from({ length: 130_000 }, (_, at) => [`k${at}`, at])),
  })
  const timeOf = (work: () => unknown) => {
    const began = process.cpuUsage().user
    for (let times = 0; times < 5; times++) work()
    return process.cpuUsage().user - began
  }
  const subscriptions = message('subscriptions/listen', {
    notifications: { resourceSubscriptions: Array.from({ length: 130_000 }, () => 'a:b') },
  })
  const texts = [JSON.stringify(long), JSON.stringify(many), JSON.stringify(subscriptions)]
  const parsing = timeOf(() => texts.map((text) => JSON.parse(text) as unknown))
  expect(timeOf(() => readMcpMessage(long))).toBeLessThan(parsing)
  const invisible = message('tools/call', { [`nam${'\u200b'.repeat(340_000)}`]: 1, name: 'read_note' })
  expect(timeOf(() => readMcpMessage(invisible))).toBeLessThan(3 * parsing)
  const headers = { rawHeaders: ['Mcp-Param-X', 'none'] }
  const judging = timeOf(() => {
    expect(checkMirrors(readStrictly(many), headers)?.code).toBe(-32020)
  })
  expect(judging).toBeLessThan(3 * parsing)
  const patterns = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`a${at}:*`, '']))
  const resources = { ...patterns, 'a:*': '' }
  expect(timeOf(() => authorizeMcp(readStrictly(subscriptions), { resources }))).toBeLessThan(parsing)
  const uri = `a:${'%20'.repeat(340_000)}`
  expect(timeOf(() => authorizeMcp(readStrictly(message('resources/read', { uri })), { resources }))).toBeLessThan(
    parsing,
  )
})
