import { expect, it, onTestFinished } from 'vitest'
import { openMapStage, type Stage } from '../attacks/stage.js'
import { allowAgent, createPerson, type Person, type Seen, signedIn } from './person.js'

async function opened(): Promise<Stage> {
  const sendEmail = async () => ({ outcome: 'sent' }) as const
  const stage = await openMapStage({ accounts: { signUp: true }, sendEmail })
  onTestFinished(() => stage.close())
  return stage
}

/** The status, and the problem that the page shows or where it leads. */
const outcomeOf = ({ status, problem, state, location }: Seen) =>
  `${status} ${problem ?? location?.replace(/(?<=notice=).*/, '') ?? state}`

/** The outcomes of forms that have nothing but an action. */
async function outcomes(of: () => Promise<Person>, path: string, actions: readonly string[], fields = {}) {
  const found: Record<string, string> = {}
  for (const action of actions) {
    const person = await of()
    found[action] = outcomeOf(await person.post(path, { ...fields, action, csrf: await person.csrfAt(path) }))
  }
  return found
}

it('account forms without their fields are refused, or do what no field asks otherwise', async () => {
  const stage = await opened()
  const expected = {
    reauthenticate: '401 wrong_password',
    passkey: '401 passkey_failed',
    'remove-agent': '404 not_found',
    'remove-permission': '404 not_found',
    'extend-permission': '404 not_found',
    'unbind-agent': '404 not_found',
    'remove-all-agents': '303 /account',
    'end-session': '404 not_found',
    'end-other-sessions': '303 /account/security?notice=',
    'sign-out-everywhere': '303 /account/signed-out?notice=',
    logout: '303 /account/signed-out?notice=',
    'set-up-factor': '200 set-up-factor',
    'new-recovery-codes': '409 sign_in_changed',
    'remove-factor': '404 not_found',
    'change-password': '400 wrong_password',
    'add-passkey': '400 passkey_failed',
    'remove-passkey': '404 not_found',
    'connect-device': '404 not_found',
    'new-device-code': '404 not_found',
    'check-device-code': '404 not_found',
    'confirm-device': '404 not_found',
    'disconnect-device': '404 not_found',
    'confirm-email': '303 /account/yours?notice=',
    'remove-provider': '404 not_found',
    'change-name': '303 /account/yours',
    'agent-emails': '400 bad_form',
    'change-email': '400 email_invalid',
    'close-account': '401 wrong_password',
  }
  expect(await outcomes(() => signedIn(stage), '/account', Object.keys(expected))).toEqual(expected)
  const alice = await signedIn(stage)
  const { id: agent } = await allowAgent(alice)
  const ofAgent = {
    'remove-permission': `303 /account/agents/${agent}`,
    'extend-permission': `303 /account/agents/${agent}`,
    'unbind-agent': '303 /account',
  }
  expect(await outcomes(async () => alice, '/account', Object.keys(ofAgent), { agent })).toEqual(ofAgent)
})

it('entrance forms without their fields are refused', async () => {
  const signedOut = createPerson(await opened())
  const expected = {
    '': '400 bad_form',
    login: '401 wrong_password',
    'second-step': '401 step_expired',
    passkey: '401 passkey_failed',
    'sign-up': '400 username_invalid',
    language: '400 bad_form',
  }
  expect(await outcomes(async () => signedOut, '/account/sign-in', Object.keys(expected))).toEqual(expected)
  expect(await outcomes(async () => signedOut, '/account/forgot', [''])).toEqual({ '': '200 forgot' })
  const csrf = await signedOut.csrfAt('/account/sign-in')
  for (const [path, outcome] of [
    ['/account/new-password', '410 link_invalid'],
    ['/account/email', '410 link_invalid'],
    ['/agent/auth', '400 bad_form'],
    ['/account/confirm', '400 bad_form'],
    ['/account/language', '400 bad_form'],
    ['/account/passkeys/options', '403 csrf'],
  ] as const)
    expect([path, outcomeOf(await signedOut.post(path, { csrf }))]).toEqual([path, outcome])
})

it('pages without the parameters of their URLs are shown, or lead elsewhere', async () => {
  const stage = await opened()
  const alice = await signedIn(stage)
  const { id } = await allowAgent(alice)
  const pages: [path: string, ofUser: string, ofNobody: string][] = [
    ['', '200 agents', '303 /account/sign-in?return_to=%2Faccount'],
    ['/second-factor', '200 set-up-factor', '303 /account/sign-in?return_to=%2Faccount%2Fsecond-factor'],
    ['/devices/code', '404 not_found', '303 /account/sign-in?return_to=%2Faccount%2Fdevices%2Fcode'],
    ['/confirm', '200 reauthentication', '303 /account/sign-in?return_to=%2Faccount'],
    ['/signed-out', '303 /account', '303 /account/sign-in'],
    ['/sign-in', '303 /account', '200 sign-in'],
    ['/sign-up', '200 sign-up', '200 sign-up'],
    ['/link', '410 link_invalid', '410 link_invalid'],
    ['/email', '410 link_invalid', '410 link_invalid'],
    ['/new-password', '410 link_invalid', '410 link_invalid'],
    ['/forgot', '200 forgot', '200 forgot'],
    ['/link-sent', '200 link-sent', '200 link-sent'],
    ['/with/x', '404 not_found', '404 not_found'],
    ['/with/x/callback', '404 not_found', '404 not_found'],
    [
      `/agents/${id}/extend`,
      `303 /account/agents/${id}`,
      `303 /account/sign-in?return_to=%2Faccount%2Fagents%2F${id}%2Fextend`,
    ],
  ]
  const signedOut = createPerson(stage)
  for (const [path, ...expected] of pages) {
    const seen = [await alice.open(`/account${path}`), await signedOut.open(`/account${path}`)]
    expect([path, ...seen.map(outcomeOf)]).toEqual([path, ...expected])
  }
})
