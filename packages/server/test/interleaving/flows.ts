import { allow, openRequest, redeem, refresh, refreshTokenOf, view } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import type { Stage } from '../attacks/stage.js'
import { createScriptedUser, hiddenFields, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import { createSoftwarePasskey, type SoftwarePasskey } from '../software-passkey.js'

/** The user of one cell of the table, with everything that flows and verbs need about them. */
export interface Cell {
  stage: Stage
  username: string
  password: string
  userId: string
  passkey: SoftwarePasskey
  /** The request that the flow is about, by its token’s hash; empty if there is none. */
  tokenHash: string
}

/** A request of a browser or an agent that is interrupted; its setup runs before. */
export interface Flow {
  /** The effect that it must not have if something commits between its reads and this write. */
  writes: 'session' | 'passkey' | 'grant' | 'token' | 'extension' | 'other'
  /** The name of the user that the request creates. Once created, verbs apply to that user. */
  creates?: (cell: Cell) => string
  /** A permission that was granted before and that the request does not include: once revoked, nothing may grant it again. */
  granted?: string
  prepare(cell: Cell): Promise<() => Promise<Response>>
}

const signIn = (cell: Cell, user: ScriptedUser) => signInToAccount(user, cell.stage.authServer, credentials(cell))

async function signedIn(cell: Cell): Promise<ScriptedUser> {
  const user = createScriptedUser(cell.stage.fetch)
  await signIn(cell, user)
  return user
}

/** An account page’s form, to be posted. */
async function accountForm(cell: Cell, path: string, fields: Record<string, string>, user?: ScriptedUser) {
  const browser = user ?? (await signedIn(cell))
  const url = cell.stage.authServer + path
  const page = await (await browser.open(url)).text()
  return () => browser.submit(page, url, fields)
}

/** A consent page that the user has seen, to be submitted. */
async function consentForm(cell: Cell, fields: Record<string, string>, scope = 'data.read') {
  const user = await signedIn(cell)
  cell.stage.clock.now += 1
  const opened = await openRequest(cell.stage, undefined, { scope })
  cell.tokenHash = secretHash(opened.requestToken)
  const { page } = await view(cell.stage, opened, user, credentials(cell))
  return () => user.submit(page, opened.url, fields)
}

async function allowed(cell: Cell, duration = '2592000') {
  const user = await signedIn(cell)
  const given = await allow(cell.stage, undefined, { duration }, { user })
  cell.tokenHash = secretHash(given.requestToken)
  return { user, given }
}

function post(cell: Cell, user: ScriptedUser, path: string, fields: Record<string, string>): Promise<Response> {
  const headers = { origin: cell.stage.authServer }
  const body = new URLSearchParams(fields)
  return user.send(new Request(cell.stage.authServer + path, { method: 'POST', body, headers }))
}

async function withPasskey(cell: Cell, user = createScriptedUser(cell.stage.fetch)): Promise<() => Promise<Response>> {
  const page = await (await user.open(`${cell.stage.authServer}/account/sign-in`)).text()
  const form = hiddenFields(page, { credential: '' })
  const options = await post(cell, user, '/account/passkeys/challenge', form)
  const { challenge } = (await options.json()) as { challenge: string }
  const credential = cell.passkey.respond(challenge)
  return () => post(cell, user, '/account/sign-in', { ...form, action: 'passkey', credential })
}

async function signedInWithPasskey(cell: Cell): Promise<ScriptedUser> {
  const user = createScriptedUser(cell.stage.fetch)
  await (await withPasskey(cell, user))()
  return user
}

export const flows: Readonly<Record<string, Flow>> = {
  'sign-in with a password': {
    writes: 'session',
    prepare: (cell) => {
      const user = createScriptedUser(cell.stage.fetch)
      return accountForm(cell, '/account/sign-in', { action: 'login', ...credentials(cell) }, user)
    },
  },
  'sign-in with a passkey': { writes: 'session', prepare: (cell) => withPasskey(cell) },
  'proof of the user': {
    writes: 'session',
    async prepare(cell) {
      await removePasskey(cell)
      return accountForm(cell, '/account/confirm', { action: 'reauthenticate', password: cell.password })
    },
  },
  'sign-up': {
    writes: 'session',
    creates: ({ username }) => `new ${username}`,
    prepare: (cell) => {
      const own = { action: 'sign-up', username: `new ${cell.username}`, password: cell.password }
      return accountForm(cell, '/account/sign-up', own, createScriptedUser(cell.stage.fetch))
    },
  },
  'addition of a passkey': {
    writes: 'passkey',
    async prepare(cell) {
      const user = await signedInWithPasskey(cell)
      const page = await (await user.open(`${cell.stage.authServer}/account/security`)).text()
      const form = { ...hiddenFields(page, { credential: '' }), name: 'added' }
      const options = await post(cell, user, '/account/passkeys/options', form)
      const { challenge } = (await options.json()) as { challenge: string }
      const credential = createSoftwarePasskey(cell.stage.authServer).register(challenge)
      return () => post(cell, user, '/account', { ...form, action: 'add-passkey', credential })
    },
  },
  'change of password': {
    writes: 'session',
    async prepare(cell) {
      const user = await signedInWithPasskey(cell)
      const fields = { action: 'change-password', password: cell.password, new_password: 'a new long password' }
      return accountForm(cell, '/account/password', fields, user)
    },
  },
  'removal of a passkey': {
    writes: 'other',
    async prepare(cell) {
      const user = await signedInWithPasskey(cell)
      const path = `/account/passkeys/${cell.passkey.credentialId}/remove`
      return accountForm(cell, path, { action: 'remove-passkey' }, user)
    },
  },
  'consent page': {
    writes: 'other',
    async prepare(cell) {
      const user = await signedIn(cell)
      const opened = await openRequest(cell.stage)
      cell.tokenHash = secretHash(opened.requestToken)
      return () => user.open(opened.url)
    },
  },
  'consent page of a known agent': {
    writes: 'grant',
    async prepare(cell) {
      const { user } = await allowed(cell)
      const opened = await openRequest(cell.stage)
      cell.tokenHash = secretHash(opened.requestToken)
      return () => user.open(opened.url, { referer: `${cell.stage.agent.id}/` })
    },
  },
  allow: { writes: 'grant', prepare: (cell) => consentForm(cell, { consent: 'grant' }) },
  'allow with a password': {
    writes: 'grant',
    async prepare(cell) {
      await removePasskey(cell)
      return consentForm(cell, { consent: 'grant', password: cell.password }, 'data.delete')
    },
  },
  'step-up': {
    writes: 'grant',
    granted: 'data.read',
    async prepare(cell) {
      const { user } = await allowed(cell)
      const opened = await openRequest(cell.stage, undefined, { scope: 'data.write' })
      cell.tokenHash = secretHash(opened.requestToken)
      const { page } = await view(cell.stage, opened, user, credentials(cell))
      return () => user.submit(page, opened.url, { consent: 'grant', duration: 'until-removed' })
    },
  },
  deny: { writes: 'other', prepare: (cell) => consentForm(cell, { consent: 'deny' }) },
  extend: { writes: 'other', prepare: (cell) => consentForm(cell, { action: 'extend' }) },
  'switch of accounts': { writes: 'other', prepare: (cell) => consentForm(cell, { action: 'logout' }) },
  'code exchange': {
    writes: 'token',
    async prepare(cell) {
      const { given } = await allowed(cell)
      return () => redeem(cell.stage, given)
    },
  },
  refresh: {
    writes: 'token',
    async prepare(cell) {
      const { given } = await allowed(cell)
      const token = await refreshTokenOf(cell.stage, given)
      return () => refresh(cell.stage, identityOf(cell.stage.agent), token)
    },
  },
  'extension of a permission': {
    writes: 'extension',
    async prepare(cell) {
      const { user, given } = await allowed(cell, '86400')
      await refreshTokenOf(cell.stage, given)
      const [grant] = await cell.stage.storage.listGrants({ userId: cell.userId, live: true })
      const path = `/account/agents/${grant?.id}/extend?permission=data.read`
      return accountForm(cell, path, { action: 'extend-permission', duration: '2592000' }, user)
    },
  },
  'removal of an agent': {
    writes: 'other',
    async prepare(cell) {
      const { user } = await allowed(cell)
      const [grant] = await cell.stage.storage.listGrants({ userId: cell.userId, live: true })
      return accountForm(cell, `/account/agents/${grant?.id}/remove`, { action: 'remove-agent' }, user)
    },
  },
}

function credentials({ username, password }: Cell): { username: string; password: string } {
  return { username, password }
}

async function removePasskey({ stage, userId, passkey: { credentialId } }: Cell): Promise<void> {
  const credentialRevision = (await stage.storage.findUser(userId))?.credentialRevision ?? 0
  await stage.storage.removePasskey({ userId, credentialRevision, credentialId })
}

/** A user with a password and a passkey, who has done nothing yet. */
export async function newCell(stage: Stage, username: string, passwordHash: string, password: string): Promise<Cell> {
  const { id: userId, credentialRevision } = await stage.storage.createUser({ username, passwordHash })
  const passkey = createSoftwarePasskey(stage.authServer)
  const { credentialId, publicKey } = passkey
  await stage.storage.addPasskey({ userId, credentialRevision, credentialId, publicKey, counter: 0 })
  return { stage, username, password, userId, passkey, tokenHash: '' }
}
