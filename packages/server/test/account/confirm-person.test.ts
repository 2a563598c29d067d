import { expect, it } from 'vitest'
import {
  confirmationPath,
  isProved,
  requireFreshSignIn,
  requireProof,
  requireSecondProof,
} from '../../src/account/confirm-person.js'

type Context = Parameters<typeof isProved>[0]
type Session = Parameters<typeof isProved>[1]
type Act = Parameters<typeof requireProof>[0]
type Visit = Parameters<Act>[1]

const now = 1_800_000_000

interface Scene {
  /** How long ago the user last proved who they are, in seconds. */
  age?: number
  amr?: string[]
  kinds?: string[]
  code?: boolean
}

function open({ age = 0, amr = ['pwd'], kinds = ['password'], code = false }: Scene) {
  const context = {
    now: () => now,
    passkeys: {},
    providers: new Map([['p', {}]]),
    storage: {
      listFactors: async () => kinds.map((kind) => ({ kind, id: kind, addedAt: 0 })),
      findSecondFactor: async () => (code ? {} : undefined),
    },
  } as unknown as Context
  const session = { user: { id: 'alice' }, authTime: now - age, amr } as unknown as Session
  return { context, session, visit: { session, path: '/account/x?a=1' } as unknown as Visit }
}

const both = ['password', 'passkey']

it.each<[string, Scene, fresh: boolean, proved: boolean, second: boolean]>([
  ['a password', {}, true, true, true],
  ['a password ten minutes ago', { age: 600 }, true, true, true],
  ['a password longer ago', { age: 601 }, false, false, true],
  ['a password, although there is a passkey', { kinds: both }, true, false, false],
  ['a passkey', { kinds: both, amr: ['webauthn'] }, true, true, true],
  ['a passkey longer ago', { kinds: both, amr: ['webauthn'], age: 601 }, false, false, false],
  ['a password, although there is a second factor', { code: true }, true, false, false],
  ['a password and a code', { code: true, amr: ['pwd', 'otp'] }, true, true, true],
  [
    'a password and a code, although there is a passkey',
    { kinds: both, code: true, amr: ['pwd', 'otp'] },
    true,
    false,
    false,
  ],
  ['a password and a code longer ago', { code: true, amr: ['pwd', 'otp'], age: 601 }, false, false, false],
  ['a provider', { kinds: ['identity'], amr: ['oidc'] }, true, true, true],
])(
  'a user who signed in by %s may do what needs a proof of that strength',
  async (_how, scene, fresh, proved, second) => {
    const { context, session, visit } = open(scene)
    const act: Act = async () => new Response('done')
    const outcome = async (guarded: Act) => {
      const response = await guarded(context, visit)
      return response.headers.get('location') ?? response.text()
    }
    const other = confirmationPath('/account/x?a=1')
    expect(await isProved(context, session)).toBe(proved)
    expect(await outcome(requireFreshSignIn(act))).toBe(fresh ? 'done' : other)
    expect(await outcome(requireProof(act))).toBe(proved ? 'done' : other)
    expect(await outcome(requireProof(act, '/account/yours'))).toBe(
      proved ? 'done' : confirmationPath('/account/yours'),
    )
    expect(await outcome(requireSecondProof(act, '/account/yours'))).toBe(
      second ? 'done' : confirmationPath('/account/yours'),
    )
  },
)

it('the page that asks for a proof returns to where the user was', () => {
  expect(confirmationPath('/account/x?a=1')).toBe('/account/confirm?return_to=%2Faccount%2Fx%3Fa%3D1')
})
