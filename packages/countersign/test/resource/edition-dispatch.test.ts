import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, type Resource, serveEditions } from 'countersign/resource'
import { parseDictionary } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { openStage, scopes, signers, tokenOf } from '../editions/draft-11/resource-stage.js'
import { craftRequest, ids, now } from '../editions/draft-11/wire.js'
import { receivedMessage } from '../received-message.js'

const read = { require: 'authorization', scope: 'data.read' } as const
const key = `sig=jwt;jwt="${await tokenOf('auth')}"`
const januarySigner = await createSigner(await generatePrivateJwk({ kid: 'january-1' }))

/** An API in both editions, in both orders, and in draft -11 alone. */
function openAll() {
  const { resource: alone } = openStage()
  const january = createResource({
    id: ids.resource,
    signer: januarySigner,
    authServer: 'https://auth.example',
    scopes,
    now: () => now,
    fetch: async () => new Response(null, { status: 404 }),
  })
  return { alone, both: [serveEditions(january, alone), serveEditions(alone, january)] as const }
}

/** The status of the response to a request whose signature covers these lines of `Signature-Key`, and whether it has both challenges. */
async function outcomeOf(resource: Resource, ...keyLines: readonly string[]): Promise<string> {
  const message = await craftRequest({ signer: signers.agent, key: { scheme: 'jwt', jwt: '' }, keyLines })
  try {
    await resource.verify(receivedMessage(message), read)
    return 'verified'
  } catch (error) {
    const { status, headers } = await resource.toResponse(error)
    const challenges = ['agent-auth', 'aauth-requirement'].filter((name) => headers.has(name))
    return [status, ...challenges, headers.get('signature-error')].join(' ')
  }
}

const refused = '401 agent-auth aauth-requirement error=invalid_signature'

/** Members that begin with a parenthesis, as January's do. All but the last three are also valid in a dictionary. */
const januaryMembers = [
  'x=(scheme)',
  'x=()',
  'x=("a" "b");c="d"',
  'x=(scheme);jwt="a.b.c"',
  '*x=(a)',
  'x=(scheme=jwt jwt="a.b.c")',
  'X=(scheme)',
  'x= \t(scheme)',
]

/** Members of neither edition. Some contain what looks like a member. */
const otherMembers = ['y', 'y=?0', 'y="(=x, z=(a)"', 'y="\\"=(, z=(a"', 'y;a="=(b"', 'y=:YQ==:', 'y=-1.5']

describe('a Signature-Key with members of both editions is refused, whatever else it contains', () => {
  it.each(januaryMembers)('%s', async (member) => {
    const { both } = openAll()
    const fields = [
      [member, key],
      [key, member],
      ...otherMembers.flatMap((other) => [
        [other, member, key],
        [key, other, member],
      ]),
    ]
    for (const members of fields)
      for (const lines of [[members.join(', ')], [members.join(' ,\t')], [members.join(',')], members])
        for (const resource of both) expect([lines, await outcomeOf(resource, ...lines)]).toEqual([lines, refused])
  })

  it('as in draft -11 alone, members of neither edition are of no consequence', async () => {
    const { alone, both } = openAll()
    for (const other of otherMembers)
      for (const lines of [[`${other}, ${key}`], [key, other]])
        for (const resource of [alone, ...both])
          expect([lines, await outcomeOf(resource, ...lines)]).toEqual([lines, 'verified'])
    // Without the other edition, a member is of no consequence even if it has that edition's form.
    expect(await outcomeOf(alone, 'x=(scheme)', key)).toBe('verified')
  })
})

/** Pseudorandom numbers below a limit, the same in each run. */
function createRandom(seed: number) {
  let state = seed
  return (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

it('in generated fields, as one structured-field parser reads them', async () => {
  const { alone, both } = openAll()
  const random = createRandom(11)
  const one = (from: readonly string[]) => from[random(from.length)] ?? ''
  const labels = ['x', 'y', '*z', 'a.b', 'X']
  const values = [
    '=(a)',
    '=()',
    '=a',
    '="(=x,"',
    '="\\", y=(b"',
    '=%"\\"',
    '=?1',
    '',
    '= (a)',
    '=("a,b" c);d="=("',
    '=:YQ==:',
    '="',
    '=(',
  ]
  const parameters = ['', '', ';p', ';p="=(a"', ';p=", x=("', ';p=(a)', ' ;p']
  const seen = { verified: 0, mixed: 0, malformed: 0 }
  for (let turn = 0; turn < 800; turn++) {
    const others = Array.from({ length: 1 + random(3) }, () => one(labels) + one(values) + one(parameters))
    others.splice(random(others.length + 1), 0, key)
    const text = others.join(one([', ', ',', ' , ', ',,']))
    const expected = isMixed(text) ? '401' : (await outcomeOf(alone, text)).slice(0, 3)
    const outcomes = [await outcomeOf(both[0], text), await outcomeOf(both[1], text)].map((each) => each.slice(0, 3))
    expect([text, ...outcomes]).toEqual([text, expected, expected])
    seen[expected === 'ver' ? 'verified' : isMixed(text) ? 'mixed' : 'malformed']++
  }
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(50)
})

/** Whether a dictionary has an inner list, and therefore a member that begins with a parenthesis. */
function isMixed(text: string): boolean {
  try {
    return [...parseDictionary(text).values()].some(([value]) => Array.isArray(value))
  } catch {
    return false
  }
}

it('a label twice is refused even if a display string hides it from other parsers', async () => {
  const { alone, both } = openAll()
  const hidden = `x=%"\\", sig=jwt;jwt="a.b.c", ${key}, z="\\""`
  for (const resource of [alone, ...both]) expect(await outcomeOf(resource, hidden)).toMatch(/^401 /)
})
