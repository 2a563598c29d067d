import { AAuthError } from 'countersign'
import {
  createRateLimit,
  DelegateRefusal,
  type DelegateRefusalCode,
  type KeyRequest,
  type RateLimit,
  requireKeyRate,
  verifyKeyRequest,
  writeDelegateRefusal,
} from 'countersign/agent-server'
import { january } from 'countersign/editions'
import { deviceOf, isDeviceName, type PersonalAgents } from '../config/personal-agents.js'
import type { RequestBlocks } from '../http/consent-transport.js'
import type { Arrival, Endpoint, Route } from '../http/route.js'
import { dangersOf } from '../lib/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { OwnedDevice, ReasonOf, RedeemedDevice } from '../storage/api/storage.js'
import type { RequestingAgent, SignedContext } from './edition.js'
import type { RequestedAccess } from './require-admitted.js'

/** Lifetime of a device that a code was typed into, in seconds. */
const remoteLifetime = 86_400

/** The context of the endpoints of devices, on a server that has them. */
export interface DeviceContext extends SignedContext {
  personalAgents: PersonalAgents
}

/** How often a device asks whether its owner has confirmed it, in seconds. */
const interval = 2

/**
 * Requires that an agent whose agent server is this server is a connected device with this key. The row is read for every request, because the agent server's signature alone gives no authority.
 *
 * @throws AAuthError `agent_token_invalid`
 */
export async function requireDevice<Agent extends RequestingAgent & { key: { thumbprint: string } }>(
  context: SignedContext,
  agent: Agent,
): Promise<Agent> {
  const { personalAgents, revokedToken: error } = context
  const device = await deviceOf(context, agent)
  if (!device || device.thumbprint !== agent.key.thumbprint || !personalAgents?.isUsable(device))
    throw new AAuthError('agent_token_invalid', 'This device is not connected anymore: run countersign login.', {
      error,
    })
  return { ...agent, device, member: 'known', actsForItself: false }
}

/**
 * Refuses a device what it can never be given.
 *
 * @throws AAuthError `policy_denied`
 */
export function requireAllowedToDevice(
  { readRisk }: SignedContext,
  { device }: Pick<RequestingAgent, 'device'>,
  { scope }: RequestedAccess,
): void {
  if (!device?.isRemote || dangersOf(scope, readRisk).length === 0) return
  throw new AAuthError(
    'policy_denied',
    'This device was connected with a code that was typed into it, so it cannot delete, spend or take full control: connect it with a browser on the same computer.',
  )
}

/** What the consent page shows about a device that sends a request; undefined for any other agent. */
export function shownDevice({
  device,
  remoteAddress,
}: Pick<RequestingAgent, 'device'> & { remoteAddress?: string | undefined }): RequestBlocks['ownDevice'] {
  return device && { name: device.name, ip: remoteAddress, isRemote: device.isRemote }
}

/** Serves a request that a device signs with its own key. */
export type DeviceEndpoint = (request: KeyRequest) => Promise<Response>

/** The response to a device. */
export function deviceResponse(body: object, status = 200): Response {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
}

/**
 * Creates routes for requests that devices sign with their own keys, whether or not they are connected. They sign as in January 2026, also for
 * tokens of other editions, and so are the refusals.
 */
export function createDeviceRoutes(
  context: SignedContext,
  endpoints: Readonly<Record<string, DeviceEndpoint>>,
): readonly Route[] {
  const { issuer, now, storage } = context
  const tools = {
    authority: new URL(issuer).host,
    claimNonce: (claim: Parameters<typeof storage.claimNonce>[0]) => storage.claimNonce(claim),
    now,
  }
  const serve =
    (endpoint: DeviceEndpoint): Endpoint =>
    async ({ received }: Arrival) => {
      try {
        return await endpoint(await verifyKeyRequest(received, tools))
      } catch (error) {
        if (error instanceof DelegateRefusal) return writeDelegateRefusal(error)
        throw error
      }
    }
  return Object.entries(endpoints).map(([path, endpoint]) => ({
    path,
    caller: 'agent',
    edition: january,
    methods: { POST: serve(endpoint) },
  }))
}

const refusals: Readonly<Record<ReasonOf<RedeemedDevice>, [DelegateRefusalCode, string]>> = {
  unknown: ['enrollment_denied', 'The code is not valid.'],
  expired: ['enrollment_denied', 'The code has expired: start again.'],
  foreign_key: ['enrollment_denied', 'The code belongs to another key.'],
  user_disabled: ['enrollment_denied', 'The account cannot connect devices.'],
  key_taken: ['key_taken', 'This key belongs to a device already: generate a new one.'],
  too_many: ['too_many_devices', 'The account has as many devices as allowed: disconnect one under My agents.'],
}

/**
 * Limits the requests of devices. Keys that are not connected cost nothing, so only their network limits them: one that waits for its owner's
 * decision sends 30 requests a minute.
 */
export function createDeviceRate({ now }: SignedContext): RateLimit {
  return createRateLimit({ now, signature: 100, address: 100 })
}

/** Creates the endpoint at which a device redeems a code. */
export function createRedemption(context: DeviceContext, rateLimit: RateLimit): DeviceEndpoint {
  const { issuer, storage, personalAgents } = context
  return async function redeem(request) {
    await requireKeyRate(rateLimit, request)
    const { form, key, remoteAddress } = request
    const credential = form.get('credential')
    if (credential === undefined) throw new AAuthError('request_malformed', 'Send the code as credential.')
    const name = form.get('device')
    if (name !== undefined && !isDeviceName(name))
      throw new AAuthError(
        'request_malformed',
        'device must be a name of 1 to 64 characters on one line, without control characters.',
      )
    await request.claim()
    const redeemed = await storage.redeemDeviceCode({
      codeHash: hashSecret(isTyped(credential) ? readTypedCode(credential) : credential),
      thumbprint: key.thumbprint,
      name,
      ip: remoteAddress,
      lifetime: remoteLifetime,
      most: personalAgents.most,
    })
    if (redeemed.outcome === 'refused') throw new DelegateRefusal(...refusals[redeemed.reason])
    if (redeemed.outcome === 'waiting')
      return deviceResponse({ number: redeemed.number, interval, account: redeemed.user.username }, 202)
    return deviceResponse({ ...describeDevice(redeemed.device), issuer }, 201)
  }
}

function isTyped(credential: string): boolean {
  return credential.length <= 20
}

/** Returns a code as it was issued, however it was typed. */
function readTypedCode(typed: string): string {
  return typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
}

/** What a device is told about itself. */
export function describeDevice({ id: name, name: device, user, connectedAt, expiresAt }: OwnedDevice) {
  return { name, device, account: user.username, connected_at: connectedAt, expires_at: expiresAt }
}

/**
 * Counts a request, by its device if its key is that of one, connected or not. Returns the device.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function countedDevice(
  { storage }: SignedContext,
  rateLimit: RateLimit,
  request: KeyRequest,
): Promise<OwnedDevice | undefined> {
  const device = await storage.findDevice({ thumbprint: request.key.thumbprint })
  await requireKeyRate(rateLimit, request, device?.id)
  return device
}

/** @throws DelegateRefusal `unknown_delegate` */
export function requireKnown(device: OwnedDevice | undefined): OwnedDevice {
  if (device) return device
  throw new DelegateRefusal('unknown_delegate', 'This key is not connected to an account.')
}

/**
 * Requires a device that may be used now.
 *
 * @throws DelegateRefusal `unknown_delegate`, `revoked_delegate`
 */
export function requireUsable({ personalAgents }: DeviceContext, found: OwnedDevice | undefined): OwnedDevice {
  const device = requireKnown(found)
  if (personalAgents.isUsable(device)) return device
  throw new DelegateRefusal('revoked_delegate', 'This device is not connected anymore.', device.id)
}

/** Issues an agent token to a device, with a lifetime in seconds. */
type IssueToDevice = (device: OwnedDevice, lifetime: number) => Promise<object>

/**
 * Creates an endpoint at which a device gets an agent token. Its row is read each time, so that a device that was disconnected gets none.
 *
 * @param judge checks what the device requests
 */
export function createRenewal(
  context: DeviceContext,
  rateLimit: RateLimit,
  judge: (request: KeyRequest) => IssueToDevice,
): DeviceEndpoint {
  const { storage, now } = context
  return async function renew(request) {
    const { id } = requireUsable(context, await countedDevice(context, rateLimit, request))
    const issue = judge(request)
    await request.claim(id)
    // Read again: the device may have been disconnected in the meantime.
    const device = requireUsable(context, await storage.findDevice({ id }))
    await storage.useDevice({ id, ip: request.remoteAddress })
    const left = (device.expiresAt ?? Number.POSITIVE_INFINITY) - now()
    return deviceResponse(await issue(device, Math.max(1, Math.min(deviceTokenLifetime, left))))
  }
}

/** Lifetime of a device's agent token, in seconds. */
export const deviceTokenLifetime = 3600
