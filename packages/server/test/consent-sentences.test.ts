import { createHash } from 'node:crypto'
import { requestCode } from 'countersign/tokens'
import { languages, type Messages } from 'countersign-server/pages'
import type { ComponentChildren } from 'preact'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Allowed, type Asked, allow, type OpenRequest, openRequest, ownRequest, view } from './attacks/flow.js'
import { delegateOf, type Identity } from './attacks/party.js'
import { openMapStage, people, type Stage } from './attacks/stage.js'
import { words } from './pages/reading.js'
import { createScriptedUser, type ScriptedUser } from './scripted-user.js'

/** The user’s history with the agent, before a page is shown. */
interface Scene {
  stage: Stage
  user: ScriptedUser
  /** Has Alice allow something. */
  allows: (asked?: Asked | ReturnType<typeof ownRequest>, by?: Identity, duration?: string) => Promise<Allowed>
  /** Has Alice view a request. */
  sees: (asked?: Asked) => Promise<{ opened: OpenRequest; page: string }>
  removes: (resource?: string) => Promise<void>
}

type Case = [claim: string, scene: (scene: Scene) => Promise<Asked | ReturnType<typeof ownRequest> | OpenRequest>]

/** A sentence of the consent page, and cases in which it is shown and not shown. */
interface Row {
  sentence: (messages: Messages) => ComponentChildren
  /** The sentence is shown. */
  said: readonly Case[]
  /** The sentence is not shown. */
  unsaid: readonly Case[]
}

const agent = 'agent.example'
const resource = 'api.example'
const other = 'mail.example'
const minutes = 60
/** The time of the stage’s clock. */
const today = 1_800_000_000

const first: Case = ['the agent requests something for the first time', async () => ({})]
const allowed: Case = [
  'the user allowed it before',
  async ({ allows }) => {
    await allows()
    return {}
  },
]
const own: Case = ['the agent is its own resource', async ({ stage }) => ownRequest(stage, 'openid profile email')]
const ownApi: Case = ['the agent has its own API', async ({ stage }) => ownRequest(stage, 'openid data.read')]
const elsewhere: Case = [
  'it has access elsewhere',
  async ({ stage, allows }) => {
    await allows({ resource: stage.otherResource })
    return {}
  },
]
const removedElsewhere = (wait: number, claim: string): Case => [
  `its access elsewhere was revoked ${claim}`,
  async ({ stage, allows, removes }) => {
    await allows({ resource: stage.otherResource })
    stage.clock.now += 1
    await removes()
    stage.clock.now += wait
    return {}
  },
]
const asks = (scope: string): Case => [`it requests ${scope}`, async () => ({ scope })]
const redirects = (redirectUri: string): Case => [
  `the response goes to ${redirectUri}`,
  async ({ stage }) => {
    stage.agent.document.redirect_uris = [redirectUri]
    return { redirectUri }
  },
]
const named = (name: string | undefined): Case => [
  `it calls itself ${name}`,
  async ({ stage }) => {
    stage.agent.document.name = name
    return {}
  },
]
const byDelegate: Case = [
  'a delegate sends the request',
  async ({ stage }) => openRequest(stage, await delegateOf(stage.agent, 'laptop', stage.clock.now)),
]

const copyNamed = (sub: string): Case => [
  `it names its copy ${sub}`,
  async ({ stage }) => openRequest(stage, await delegateOf(stage.agent, sub, stage.clock.now)),
]
/** The phone sends a request after another delegate, or the agent itself, was allowed. */
const phoneAfter = (by: 'laptop' | 'phone' | undefined): Case => [
  by === undefined
    ? 'the agent itself was allowed, and its phone sends the request'
    : `its ${by} was allowed, and its phone sends the request`,
  async ({ stage, allows }) => {
    const phone = await delegateOf(stage.agent, 'phone', stage.clock.now)
    const laptop = await delegateOf(stage.agent, 'laptop', stage.clock.now)
    await allows({}, by && { laptop, phone }[by])
    return openRequest(stage, phone)
  },
]
const itselfAfterCopy: Case = [
  'a copy was allowed, and the agent itself sends the request',
  async ({ stage, allows }) => {
    await allows({}, await delegateOf(stage.agent, 'laptop', stage.clock.now))
    return {}
  },
]

const rows: Record<string, Row> = {
  'that it is the agent’s first request': {
    sentence: ({ firstTime }) => firstTime,
    said: [first, own],
    unsaid: [
      allowed,
      [
        'the user did not allow it before',
        async ({ stage, user, sees }) => {
          const { opened, page } = await sees()
          await user.submit(page, opened.url, { consent: 'deny' })
          // The agent must wait before it asks again.
          stage.clock.now += 600
          return {}
        },
      ],
      [
        'the user saw it and left',
        async ({ sees }) => {
          await sees()
          return {}
        },
      ],
    ],
  },
  'that it sent a request before': {
    sentence: ({ requestedBefore }) => requestedBefore,
    said: [
      [
        'the user saw it and left',
        async ({ sees }) => {
          await sees()
          return {}
        },
      ],
    ],
    unsaid: [
      first,
      allowed,
      [
        'the same request was seen before',
        async ({ sees }) => {
          const { opened } = await sees()
          return opened
        },
      ],
      [
        'it sent a request that no one viewed',
        async ({ stage }) => {
          await openRequest(stage)
          return {}
        },
      ],
    ],
  },
  'that another copy of it was allowed': {
    sentence: ({ allowedOtherCopy, day }) => allowedOtherCopy(day(today, today)),
    said: [phoneAfter('laptop'), phoneAfter(undefined)],
    unsaid: [first, allowed, byDelegate, phoneAfter('phone'), itselfAfterCopy],
  },
  'that only a copy of it was allowed': {
    sentence: ({ allowedOnlyCopy, day }) => allowedOnlyCopy(day(today, today)),
    said: [itselfAfterCopy],
    unsaid: [first, allowed, byDelegate, phoneAfter('laptop')],
  },
  'that someone else may have sent the user here': {
    sentence: ({ toldToOpen, deny }) => toldToOpen(deny),
    said: [
      first,
      own,
      [
        'the user did not allow it before',
        async ({ stage, user, sees }) => {
          const { opened, page } = await sees()
          await user.submit(page, opened.url, { consent: 'deny' })
          // The agent must wait before it asks again.
          stage.clock.now += 600
          return {}
        },
      ],
    ],
    unsaid: [allowed],
  },
  'that it requests more': {
    sentence: ({ asksForMore }) => asksForMore,
    said: [
      [
        'its earlier access is still active',
        async ({ allows }) => {
          await allows()
          return { scope: 'data.write' }
        },
      ],
    ],
    unsaid: [
      first,
      allowed,
      [
        'its earlier access expired',
        async ({ stage, allows }) => {
          await allows()
          stage.clock.now += 3601
          return { scope: 'data.write' }
        },
      ],
    ],
  },
  'that it has no access to other services': {
    sentence: ({ notElsewhere }) => notElsewhere,
    said: [first, allowed, removedElsewhere(11 * minutes, 'eleven minutes ago')],
    unsaid: [
      own,
      ownApi,
      elsewhere,
      removedElsewhere(9 * minutes, 'nine minutes ago: a token may still be valid'),
      [
        'another delegate of it has access elsewhere',
        async ({ stage, allows }) => {
          await allows({ resource: stage.otherResource }, await delegateOf(stage.agent, 'laptop', stage.clock.now))
          return {}
        },
      ],
    ],
  },
  'where it has access': {
    sentence: ({ alreadyElsewhere, myAgents }) => alreadyElsewhere(other, myAgents),
    said: [elsewhere],
    unsaid: [
      first,
      allowed,
      removedElsewhere(0, 'just now'),
      [
        'its access elsewhere expired',
        async ({ stage, allows }) => {
          await allows({ resource: stage.otherResource })
          stage.clock.now += 3601
          return {}
        },
      ],
      [
        'another user gave it access elsewhere',
        async ({ stage }) => {
          const bob = createScriptedUser(stage.fetch)
          const opened = await openRequest(stage, undefined, { resource: stage.otherResource })
          const { page } = await view(stage, opened, bob, people.bob)
          await bob.submit(page, opened.url, { consent: 'grant' })
          return {}
        },
      ],
      [
        'the agent is its own resource',
        async ({ stage, allows }) => {
          await allows({ resource: stage.otherResource })
          return ownRequest(stage, 'openid')
        },
      ],
    ],
  },
  'that it can already sign the user in': {
    sentence: ({ alreadySignsIn, myAgents }) => alreadySignsIn(myAgents),
    said: [
      [
        'it can',
        async ({ stage, allows }) => {
          await allows(ownRequest(stage, 'openid'))
          return {}
        },
      ],
    ],
    unsaid: [
      first,
      elsewhere,
      own,
      [
        'it requests that again',
        async ({ stage, allows }) => {
          await allows(ownRequest(stage, 'openid'))
          return ownRequest(stage, 'openid email')
        },
      ],
    ],
  },
  'that it cannot delete, which it did not request': {
    sentence: ({ notRequested }) => `Delete your data (${notRequested})`,
    said: [first, asks('data.write'), allowed],
    unsaid: [
      asks('data.delete'),
      asks('data'),
      asks('data.*'),
      asks('admin:org'),
      [
        'it was allowed that before',
        async ({ allows }) => {
          await allows({ scope: 'data.delete' })
          return {}
        },
      ],
      [
        'another delegate of it was allowed that before',
        async ({ stage, allows }) => {
          await allows({ scope: 'data.delete' }, await delegateOf(stage.agent, 'laptop', stage.clock.now))
          return {}
        },
      ],
      [
        'it was revoked a minute ago',
        async ({ stage, allows, removes }) => {
          await allows({ scope: 'data.delete' })
          await removes()
          stage.clock.now += minutes
          return {}
        },
      ],
    ],
  },
  'the access it keeps': {
    sentence: ({ kept, risks, colon }) => `${kept} ${risks.read}${colon}See your data`,
    said: [
      [
        'it was allowed something else before',
        async ({ allows }) => {
          await allows()
          return { scope: 'data.write' }
        },
      ],
      [
        'another delegate of it was',
        async ({ stage, allows }) => {
          await allows({}, await delegateOf(stage.agent, 'laptop', stage.clock.now))
          return { scope: 'data.write' }
        },
      ],
    ],
    unsaid: [
      first,
      allowed,
      [
        'that access was revoked',
        async ({ allows, removes }) => {
          await allows()
          await removes()
          return { scope: 'data.write' }
        },
      ],
    ],
  },
  'that it works while the user is away': {
    sentence: ({ whileAway }) => whileAway,
    said: [first],
    unsaid: [own, ownApi],
  },
  'that it requests only to sign the user in': {
    sentence: ({ allowSignIn }) => allowSignIn(agent),
    said: [own],
    unsaid: [first, ownApi],
  },
  'that it requests access to its own service too': {
    sentence: ({ allowOwn }) => allowOwn(agent),
    said: [ownApi],
    unsaid: [first, own],
  },
  'that it requests access to a resource': {
    sentence: ({ allowQuestion }) => allowQuestion(agent, resource),
    said: [first, allowed],
    unsaid: [own, ownApi],
  },
  'that the agent itself sends the request': {
    sentence: ({ comesFrom }) => comesFrom(agent),
    said: [first],
    unsaid: [byDelegate],
  },
  'that a copy of the agent sends the request': {
    sentence: ({ comesFromCopy, quoted }) => comesFromCopy(agent, quoted('laptop')),
    said: [byDelegate],
    unsaid: [first],
  },
  'that its name is not verified': {
    sentence: ({ notChecked }) => notChecked.name,
    said: [first],
    unsaid: [named(undefined), named('""')],
  },
  'that its operator is not verified': {
    sentence: ({ notChecked }) => notChecked.nothing,
    said: [named(undefined)],
    unsaid: [first],
  },
  'that it gives no name': {
    sentence: ({ noName }) => noName,
    said: [named(undefined), named('“”'), named('\u200b')],
    unsaid: [first],
  },
  'that it gives neither name nor pages': {
    sentence: ({ saysNothing }) => saysNothing(agent),
    said: [
      named(undefined),
      [
        'its page is on another host',
        async ({ stage }) => {
          Object.assign(stage.agent.document, { name: undefined, homepage: 'https://elsewhere.example' })
          return {}
        },
      ],
    ],
    unsaid: [
      first,
      [
        'it has a page',
        async ({ stage }) => {
          Object.assign(stage.agent.document, { name: undefined, homepage: `${stage.agent.id}/about` })
          return {}
        },
      ],
    ],
  },
  'that it uses a name that people trust': {
    sentence: ({ claims }) => claims.brand('Microsoft', agent),
    said: [named('Microsoft Security'), named('Mісrоsоft')],
    unsaid: [first],
  },
  'that its name looks like another address': {
    sentence: ({ claims }) => claims.address('api.example', agent),
    said: [named('api.example')],
    unsaid: [first, named('agent.example')],
  },
  'that its name imitates this server': {
    sentence: ({ claims }) => claims.imitation,
    said: [named('Verified ✔'), named('رسمي'), named('Click Allow'), copyNamed('Verified')],
    unsaid: [first, byDelegate],
  },
  'the email address it learns': {
    sentence: ({ identity, noValue }) => `${identity.email} (${noValue})`,
    said: [own],
    unsaid: [ownApi, asks('data.read email')],
  },
  'that it learns no email address, though it requests one': {
    sentence: ({ identity, withheld }) => `${identity.email} (${withheld})`,
    said: [asks('data.read email')],
    unsaid: [own, ownApi],
  },
  'the name it learns': {
    sentence: ({ identity, colon }) => `${identity.profile}${colon}alice`,
    said: [own, asks('openid profile data.read')],
    unsaid: [asks('profile data.read'), first],
  },
  'that the response goes to this device': {
    sentence: ({ loopback }) => loopback('4321'),
    said: [redirects('http://127.0.0.1:4321/callback'), redirects('http://[::1]:4321/callback')],
    unsaid: [first, redirects('https://elsewhere.example:4321/callback')],
  },
  'that the response goes to another address': {
    sentence: ({ elsewhere: away }) => away('elsewhere.example/callback', agent),
    said: [redirects('https://elsewhere.example/callback')],
    unsaid: [first, redirects('http://127.0.0.1:4321/callback')],
  },
  'that the user goes back': {
    sentence: ({ goBackTo }) => goBackTo('agent.example/callback'),
    said: [first],
    unsaid: [redirects('https://elsewhere.example/callback'), redirects('https://agent.example:8443/callback')],
  },
  'that the user continues elsewhere': {
    sentence: ({ goOnTo }) => goOnTo('agent.example:8443/callback'),
    said: [redirects('https://agent.example:8443/callback')],
    unsaid: [first],
  },
  'that it could delete': {
    sentence: ({ dangerous, dangers }) => dangerous(agent, dangers.delete),
    said: [asks('events:delete')],
    unsaid: [first, asks('pay'), asks('admin:org')],
  },
  'that it could spend': {
    sentence: ({ dangerous, dangers }) => dangerous(agent, dangers.spend),
    said: [asks('transfer.create')],
    unsaid: [first, asks('data.delete'), asks('admin:org')],
  },
  'that it could take control': {
    sentence: ({ dangerous, dangers }) => dangerous(agent, dangers.control),
    said: [asks('admin:org'), asks('*')],
    unsaid: [first, asks('data.delete'), asks('pay')],
  },
  'that it may last until it is revoked': {
    sentence: ({ untilRemoved }) => untilRemoved,
    said: [first, own],
    unsaid: [asks('data.delete'), asks('pay'), asks('admin:org')],
  },
}

/** The words without spaces: markup puts spaces around what it marks. */
const squashed = (text: string) => text.replace(/\s+/g, '')

/** Sentences with placeholders consist of pieces. */
function textOf(sentence: ComponentChildren): string {
  if (Array.isArray(sentence)) return sentence.map(textOf).join('')
  if (sentence === undefined) return ''
  if (typeof sentence !== 'string') throw new TypeError('sentence placeholders must be filled with text here')
  return sentence
}

/** The text that Alice reads at the end of a scene. */
async function readIn(language: string, [, play]: Case): Promise<string> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const user = createScriptedUser(stage.fetch)
  user.cookies.set('__Host-countersign-language', language)
  const asked = await play({
    stage,
    user,
    allows: (what = {}, by, duration = '3600') => allow(stage, by, { duration }, { asked: what, user }),
    async sees(what = {}) {
      const opened = await openRequest(stage, undefined, what)
      return { opened, page: (await view(stage, opened, user)).page }
    },
    async removes() {
      for (const { id } of await stage.storage.listGrants({ live: true }))
        await stage.storage.revokeGrant({ grantId: id, by: 'test' })
    },
  })
  const opened = 'requestToken' in asked ? asked : await openRequest(stage, undefined, asked)
  const { page } = await view(stage, opened, user)
  expect(page).toContain(`lang="${language}"`)
  expect(page).toContain('value="grant"')
  return squashed(words(page))
}

describe.each(Object.values(languages))('the consent page in $languageName says', (messages) => {
  const cases = Object.entries(rows).flatMap(([name, { sentence, said, unsaid }]) => [
    ...said.map((each) => [name, 'where', each[0], sentence, each, true] as const),
    ...unsaid.map((each) => [name, 'not where', each[0], sentence, each, false] as const),
  ])

  it.each(cases)('%s, %s %s', async (_name, _where, _claim, sentence, scene, stands) => {
    const text = squashed(textOf(sentence(messages)))
    const read = await readIn(messages.lang, scene)
    if (stands) expect(read).toContain(text)
    else expect(read).not.toContain(text)
  })
})

it('has cases for both sides of every sentence', () => {
  for (const { said, unsaid } of Object.values(rows)) {
    expect(said.length).toBeGreaterThan(0)
    expect(unsaid.length).toBeGreaterThan(0)
  }
})

describe('the request details on the page', () => {
  it('show how long ago it was made', async () => {
    const stage = await openMapStage()
    onTestFinished(() => stage.close())
    const opened = await openRequest(stage)
    const start = stage.clock.now
    const { user } = await view(stage, opened)
    for (const [after, text] of [
      [0, 'Asked 1 second ago.'],
      [40, 'Asked 40 seconds ago.'],
      [60, 'Asked 1 minute ago.'],
      [540, 'Asked 9 minutes ago.'],
    ] as const) {
      stage.clock.now = start + after
      expect(words((await view(stage, opened, user)).page)).toContain(text)
    }
  })

  it('show its code: the first four characters of the SHA-256 of its token, in base 32', async () => {
    const stage = await openMapStage()
    onTestFinished(() => stage.close())
    const opened = await openRequest(stage)
    const bits = [...createHash('sha256').update(opened.requestToken).digest()]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
    const code = [0, 5, 10, 15]
      .map((at) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[Number.parseInt(bits.slice(at, at + 5), 2)])
      .join('')
    expect(words((await view(stage, opened)).page)).toContain(`it must be ${code}.`)
    expect(await requestCode(opened.requestToken)).toBe(code)
  })

  it('show nothing green, and never claim that anything is verified', async () => {
    const stage = await openMapStage()
    onTestFinished(() => stage.close())
    const { page } = await view(stage, await openRequest(stage))
    expect(words(page)).not.toMatch(/verified/i)
    expect(page).not.toMatch(/class="[^"]*verified/)
  })
})
