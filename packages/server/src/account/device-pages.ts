import { randomInt } from 'node:crypto'
import { readParameters } from 'countersign/editions'
import { isDeviceName, type PersonalAgents } from '../config/personal-agents.js'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit } from '../http/visit.js'
import { cleanName } from '../lib/plain-text.js'
import { renderConnectDevice, renderDeviceCode, renderReturnToDevice } from '../pages/account/device-pages.js'
import type { AgentsPage, DeviceEntry } from '../pages/models/account-models.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { DeviceCodePage } from '../pages/models/device-models.js'
import { hashSecret } from '../secrets/server-keys.js'
import { inGroups, randomCode } from '../sign-in/one-time-codes.js'
import { signInChanged } from '../sign-in/session.js'
import { type AccountHandler, accountFrame, accountResponse, pathWithNotice, readNotice } from './account-handler.js'

/** Lifetimes of a code that returns to the device at once, and of one that the user types in, in seconds. */
const lifetimes = { returned: 60, typed: 300 }

/** Lets a handler serve users who may connect devices; others get 404. */
function forOwners(
  act: (context: ServerContext, visit: SignedInVisit, settings: PersonalAgents) => Promise<Response>,
  isServed: (settings: PersonalAgents) => boolean = () => true,
): AccountHandler {
  return async (context, visit) => {
    const { personalAgents } = context
    if (!personalAgents || !isServed(personalAgents)) throw new PageError('not_found', { retry: accountPaths.agents })
    if (!personalAgents.allows(visit.session.user))
      throw new PageError('policy_forbids', { retry: accountPaths.agents, status: 403 })
    return act(context, visit, personalAgents)
  }
}

/** What a program on the user's computer requests when it opens the page. */
interface DeviceRequest {
  jkt: string
  name: string
  redirect_uri: string
  state: string
}

const shapes: Readonly<Record<keyof DeviceRequest, (value: string) => boolean>> = {
  jkt: (value) => /^[\w-]{43}$/.test(value),
  name: isDeviceName,
  redirect_uri: (value) => /^http:\/\/127\.0\.0\.1:\d{1,5}\/callback$/.test(value) && URL.canParse(value),
  state: (value) => /^[\w-]{22,256}$/.test(value),
}

/** @throws PageError `request_invalid` */
function requireDeviceRequest(fields: ReadonlyMap<string, string>): DeviceRequest {
  const read = (name: keyof DeviceRequest): string => {
    const value = fields.get(name) ?? ''
    if (shapes[name](value)) return value
    throw new PageError('request_invalid', { retry: accountPaths.agents })
  }
  return { jkt: read('jkt'), name: read('name'), redirect_uri: read('redirect_uri'), state: read('state') }
}

/** `GET /account/devices/connect`: asks the user whether a program on this computer may act for them. */
export const connectDevicePage = forOwners(async (context, visit) =>
  askToConnect(context, visit, requireDeviceRequest(readParameters(visit.url.searchParams))),
)

async function askToConnect(
  context: ServerContext,
  visit: SignedInVisit,
  request: DeviceRequest,
  problem?: 'too_many_devices',
): Promise<Response> {
  const model = {
    ...accountFrame(context, visit),
    device: cleanName(request.name),
    ip: visit.ip,
    request: { ...request },
    problem,
  }
  return accountResponse(renderConnectDevice(model, visit.messages), visit, { status: problem ? 409 : 200 })
}

/**
 * `action=connect-device`: stores a code for the key that the program named, and returns it to the loopback address in a form, so that it is
 * in no address bar. Only that key can redeem it.
 */
export const connectDevice = forOwners(async (context, visit, { most }) => {
  const request = requireDeviceRequest(visit.form)
  const { redirect_uri: action, state } = request
  const common = { state, iss: context.issuer }
  if (visit.form.get('consent') !== 'grant')
    return returnToDevice(context, visit, { outcome: 'denied', action, fields: { error: 'access_denied', ...common } })
  const code = context.secrets.random('aadc_')
  const { id: userId, credentialRevision } = visit.session.user
  const created = await context.storage.createDeviceCode({
    userId,
    credentialRevision,
    codeHash: hashSecret(code),
    device: { name: request.name, thumbprint: request.jkt },
    lifetime: lifetimes.returned,
    most,
  })
  if (created === 'changed') throw signInChanged(visit)
  if (created === 'too_many') return askToConnect(context, visit, request, 'too_many_devices')
  return returnToDevice(context, visit, { outcome: 'allowed', action, fields: { code, ...common } })
})

function returnToDevice(
  context: ServerContext,
  visit: SignedInVisit,
  answer: { outcome: 'allowed' | 'denied'; action: string; fields: Record<string, string> },
): Response {
  const html = renderReturnToDevice({ ...pageFrame(context), ...answer }, visit.messages)
  return htmlResponse(html, { formRedirectsAway: true, cookies: visit.newCookies })
}

const isRemote = ({ remote }: PersonalAgents) => remote

/** `GET /account/devices/code`: offers a code for a device without a browser. */
export const deviceCodePage = forOwners(async (context, visit) => codePage(context, visit, {}), isRemote)

function codePage(
  context: ServerContext,
  visit: SignedInVisit,
  shown: Pick<DeviceCodePage, 'issued' | 'claimed' | 'problem'>,
): Response {
  const html = renderDeviceCode({ ...accountFrame(context, visit), ...shown }, visit.messages)
  return accountResponse(html, visit, { status: shown.problem ? 409 : 200 })
}

/** `action=new-device-code`: shows a code to type into the device. */
export const newDeviceCode = forOwners(async (context, visit, { most }) => {
  const code = randomCode(8)
  const { id: userId, credentialRevision } = visit.session.user
  const created = await context.storage.createDeviceCode({
    userId,
    credentialRevision,
    codeHash: hashSecret(code),
    number: String(randomInt(10, 100)),
    lifetime: lifetimes.typed,
    most,
  })
  if (created === 'changed') throw signInChanged(visit)
  if (created === 'too_many') return codePage(context, visit, { problem: 'too_many_devices' })
  return codePage(context, visit, { issued: { code: inGroups(code), expiresAt: context.now() + lifetimes.typed } })
}, isRemote)

/** The code in a form, as it was issued. */
function codeIn({ form }: SignedInVisit): string {
  return (form.get('device_code') ?? '').replaceAll('-', '')
}

/** `action=check-device-code`: shows the device that presented the code, with the number that it shows. */
export const checkDeviceCode = forOwners(async (context, visit) => {
  const code = codeIn(visit)
  const found = await context.storage.findDeviceCode({ userId: visit.session.user.id, codeHash: hashSecret(code) })
  if (!found?.number || found.isConfirmed) return codePage(context, visit, { problem: 'code_ended' })
  const { number, name, ip, expiresAt } = found
  return codePage(context, visit, {
    issued: { code: inGroups(code), expiresAt },
    claimed: name === null ? undefined : { device: cleanName(name), number, ip: ip ?? undefined },
  })
}, isRemote)

/** `action=confirm-device`: the user compared the numbers. */
export const confirmDevice = forOwners(async (context, visit) => {
  const { id: userId, credentialRevision } = visit.session.user
  const allow = visit.form.get('consent') === 'grant'
  const codeHash = hashSecret(codeIn(visit))
  const found = await context.storage.findDeviceCode({ userId, codeHash })
  const recorded = await context.storage.confirmDevice({ userId, credentialRevision, codeHash, allow })
  if (!found || !recorded) return codePage(context, visit, { problem: 'code_ended' })
  const what = `device:${allow}:${Buffer.from(found.name ?? '').toString('base64url')}`
  return seeOther(pathWithNotice(context, visit, { path: accountPaths.agents, what, at: context.now() }))
}, isRemote)

/** What the user just decided about a device that sent a code. */
export function confirmedIn(context: ServerContext, visit: SignedInVisit): AgentsPage['confirmed'] {
  const [what, allow, name = ''] = readNotice(context, visit)?.what.split(':') ?? []
  if (what !== 'device') return undefined
  return { device: cleanName(Buffer.from(name, 'base64url').toString()), isAllowed: allow === 'true' }
}

/** `action=disconnect-device`: all access of the device ends at once. Also possible if no devices can be connected anymore. */
export const disconnectDevice: AccountHandler = async (context, visit) => {
  const { id: userId } = visit.session.user
  const id = visit.form.get('device') ?? ''
  const device = await context.storage.findDevice({ id })
  if (device?.userId !== userId) throw new PageError('not_found', { retry: accountPaths.agents })
  await context.storage.disconnectDevice({ id, userId, by: userId })
  return seeOther(pathWithNotice(context, visit, { path: accountPaths.agents, what: 'removed', at: context.now() }))
}

/** The devices of a user, as My agents lists them. */
export async function deviceEntries({ storage }: ServerContext, userId: string): Promise<DeviceEntry[]> {
  const devices = await storage.listDevices({ userId, live: true, limit: Number.MAX_SAFE_INTEGER })
  return devices.map(({ id, name, connectedAt, lastUsedAt, ip, expiresAt }) => ({
    id,
    name: cleanName(name),
    since: connectedAt,
    lastUsed: lastUsedAt,
    ip: ip ?? undefined,
    ends: expiresAt ?? undefined,
  }))
}
