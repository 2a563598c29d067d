import { AAuthError } from 'countersign'
import { january } from 'countersign/editions'
import { importVerificationKey } from 'countersign/signatures'
import { type TokenType, type VerifyTokenOptions, verifyToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Case, play, playRace, playValid } from './attack.js'
import { listedIds, rows } from './rows.js'
import { openHttp2Stage, openHttpStage, openVerifierStage, type Stage, type StageOptions } from './stage.js'
import { forgeToken, type Slot, type TokenCase } from './token-slots.js'

const tokenTypes: Readonly<Record<Slot['kind'], TokenType>> = {
  'agent+jwt': january.tokens.agent,
  'resource+jwt': january.tokens.resource,
  'auth+jwt': january.tokens.auth,
  'revocations+jwt': january.tokens.revocations,
}

type Open = (options?: StageOptions) => Promise<Stage>

async function opened(open: Open, options?: StageOptions): Promise<Stage> {
  const stage = await open(options)
  onTestFinished(() => stage.close())
  return stage
}

const cases = rows.flatMap(({ id, cases: of = [] }) => of.map((single) => [id, single.claim, single] as const))
const races = rows.flatMap(({ id, races: of = [] }) => of.map((single) => [id, single.claim, single] as const))
const checks = rows.flatMap(({ id, checks: of = [] }) => of.map((single) => [id, single.claim, single] as const))

/** Cases that are always run over a wire: cases made for it, cases whose outcome differs there, and parser rows. */
const differing = new Set<Case>(
  rows.flatMap(({ parsed, cases: of = [] }) =>
    of.filter(({ on, expected }) => parsed || on || expected.overHttp || expected.overHttp2),
  ),
)

/** The first case of each row with each outcome in each slot. */
const ofEachOutcome = new Set<Case>(
  firstOfEach(({ on, expected: { status, error, signatureError } }) => `${on} ${status} ${error} ${signatureError}`),
)

describe.each([
  ['the verifier alone', 'verifier', openVerifierStage],
  ['a resource and an auth server over HTTP', 'http', openHttpStage],
  ['a resource and an auth server over HTTP/2', 'http2', openHttp2Stage],
] as const)('%s', (_name, runner, open) => {
  const played = cases.filter(
    ([, , single]) =>
      (single.on ?? runner) === runner && (runner === 'verifier' || differing.has(single) || ofEachOutcome.has(single)),
  )

  it.each(played)('%s: %s', async (_id, _claim, single) => {
    await play(single, await opened(open, single.options))
  })

  it.each(races)('%s: %s', async (_id, _claim, race) => {
    await playRace(race, await opened(open, race.options))
  })
})

describe('attacks start from an accepted message', () => {
  const stages = new Map<StageOptions | undefined, number>()
  const stageOf = ({ options, validOptions = options }: Case) => {
    if (!stages.has(validOptions)) stages.set(validOptions, stages.size)
    return String(stages.get(validOptions))
  }
  const controls = new Set<Case>(firstOfEach(stageOf))

  it.each(cases.filter(([, , single]) => controls.has(single)))('%s: %s', async (_id, _claim, single) => {
    await playValid(single, await opened(openVerifierStage, single.validOptions ?? single.options))
  })
})

describe('the token alone', () => {
  const tokens = cases.flatMap(([id, claim, single]) =>
    isTokenCase(single) && ofEachOutcome.has(single) ? [[id, claim, single.token] as const] : [],
  )

  it.each(tokens)('%s: %s', async (_id, _claim, { slot, forge, verdict }) => {
    const stage = await opened(openVerifierStage)
    const token = await forgeToken(slot, forge, stage)
    const outcome = await verdictOf(slot, token, stage, verdict === 'local')
    if (verdict === 'accepted') return expect(outcome).toBe('accepted')
    const { error } = slot[verdict === 'local' ? 'invalid' : verdict]
    expect(outcome).toBe(verdict === 'unknownKey' ? 'invalid_signature' : error)
  })
})

describe('checks without a message', () => {
  it.each(checks)('%s: %s', async (_id, _claim, { check }) => {
    await check()
  })
})

describe('the table', () => {
  it('has every row of groups S, K, T and R exactly once', () => {
    const ids = rows.map(({ id }) => id).filter((id) => /^[SKTR]\d/.test(id))
    expect(ids.sort()).toEqual([...listedIds].sort())
  })

  it('covers every row, or states why not', () => {
    const silent = rows.filter(({ cases: of, races: and, checks: or, later }) => !of && !and && !or && !later)
    expect(silent.map(({ id }) => id)).toEqual([])
    expect(rows.filter(({ cases: of }) => of?.length === 0).map(({ id }) => id)).toEqual([])
  })

  it('has a base case for every group', () => {
    for (const group of ['S', 'K', 'T']) expect(rows.map(({ id }) => id)).toContain(group)
  })

  it('has no duplicate case names', () => {
    const names = [...cases, ...races, ...checks].map(([id, claim]) => `${id}: ${claim}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})

/** The first case of each row, slot and key. */
function firstOfEach(key: (single: Case) => string): Case[] {
  return rows.flatMap(({ cases: of = [] }) => {
    const first = new Map<string, Case>()
    for (const single of of) {
      const place = `${isTokenCase(single) ? single.token.slot.name : ''} ${key(single)}`
      if (!first.has(place)) first.set(place, single)
    }
    return [...first.values()]
  })
}

function isTokenCase(single: Case): single is TokenCase & { token: NonNullable<TokenCase['token']> } {
  return 'token' in single && single.token !== undefined
}

/** `accepted`, or the error that a token is rejected with when only the token is checked. */
async function verdictOf(slot: Slot, token: string, stage: Stage, local: boolean): Promise<string> {
  const options: VerifyTokenOptions = {
    audience: slot.audience,
    now: () => stage.clock.now,
    ...(slot.kind === 'auth+jwt' ? { issuers: [slot.issuer] } : {}),
    findKey: async (issuer, kid) => {
      expect(local).toBe(false)
      const published = stage.documents.get(`${issuer}/jwks.json`) as { keys?: { kid: string }[] } | undefined
      const jwk = published?.keys?.find((key) => key.kid === kid)
      if (!jwk) throw new AAuthError('key_unknown', 'No such key.')
      return { key: await importVerificationKey(jwk) }
    },
  }
  try {
    await verifyToken(tokenTypes[slot.kind], token, options)
  } catch (error) {
    if (error instanceof AAuthError) return (JSON.parse(january.writeRefusal(error).body) as { error: string }).error
    throw error
  }
  return 'accepted'
}
