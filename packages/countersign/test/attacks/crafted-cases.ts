import type { KeyReference } from 'countersign/signatures'
import { type CraftedParts, craftMessage, withHeader } from '../httpsig/crafted-message.js'
import type { Case, Message, Outcome } from './attack.js'
import { agentReference, ids, signers } from './parties.js'
import { resourceTokenPath, type Stage } from './stage.js'

/** Differences from the base case: a signed GET of `/data` by the agent. */
export interface Parts extends Partial<Omit<CraftedParts, 'signatureKey'>> {
  /** `own key`: the key is in the header. @default the agent's document and key */
  signatureKey?: KeyReference | 'own key'
  to?: Message['to']
}

export type PartsOf = Parts | ((stage: Stage) => Parts | Promise<Parts>)

export const accepted: Outcome = { status: 200 }
export const refused: Outcome = { status: 401, error: 'invalid_signature', signatureError: 'invalid_signature' }
/** Rejected without any fetch, based on the message alone. */
export const refusedUnasked: Outcome = { ...refused, unasked: 'any' }
export const badInput: Outcome = { ...refusedUnasked, signatureError: 'invalid_input' }
export const badKey: Outcome = { ...refused, signatureError: 'invalid_key' }
export const unknownKey: Outcome = { ...refused, signatureError: 'unknown_key' }
export const badRequest: Outcome = { status: 400, error: 'invalid_request', unasked: 'any' }

/** The components that a signature lacks. */
export const lacks = (...requiredInput: string[]): Outcome => ({ ...badInput, requiredInput })

async function partsOf(stage: Stage, parts: PartsOf): Promise<Parts> {
  return typeof parts === 'function' ? parts(stage) : parts
}

/** A crafted message from the agent. */
export async function craft(stage: Stage, parts: PartsOf = {}): Promise<Message> {
  const { signatureKey = agentReference, to, ...rest } = await partsOf(stage, parts)
  const crafted = await craftMessage({
    signer: signers.agent,
    created: stage.clock.now,
    ...(signatureKey === 'own key' ? {} : { signatureKey }),
    ...rest,
  })
  return { ...crafted, ...(to ? { to } : {}) }
}

/** A form for the token endpoint. */
export function form(members: Readonly<Record<string, string>>, parts: Parts = {}): Parts {
  return {
    method: 'POST',
    target: '/agent/token',
    authority: new URL(ids.authServer).host,
    body: new URLSearchParams(members).toString(),
    to: 'token endpoint',
    ...parts,
    fields: { 'content-type': 'application/x-www-form-urlencoded', ...parts.fields },
  }
}

/** A form for the resource token endpoint. */
export function resourceForm(members: Readonly<Record<string, string>>, parts: Parts = {}): Parts {
  const { to: _to, authority: _authority, ...rest } = form(members)
  return {
    ...rest,
    target: resourceTokenPath,
    ...parts,
    fields: { ...rest.fields, ...parts.fields },
  }
}

interface CaseOptions extends Pick<Case, 'options' | 'on'> {
  /** Parts of the valid message, if it is not the base case. */
  base?: PartsOf
}

interface SigningOptions extends CaseOptions {
  /** Changes the message after it is signed. */
  afterwards?: (message: Message) => Message
}

/** The valid message, signed again with one difference. */
export function resigned(
  claim: string,
  parts: PartsOf,
  expected: Outcome,
  { base = {}, afterwards = (message) => message, ...rest }: SigningOptions = {},
): Case {
  return {
    claim,
    ...rest,
    valid: (stage) => craft(stage, base),
    attack: async (stage) => {
      const valid = await partsOf(stage, base)
      const changed = await partsOf(stage, parts)
      const message = afterwards(await craft(stage, { ...valid, ...changed }))
      return () => stage.send(message)
    },
    expected,
  }
}

/** The valid message, changed in transit. */
export function tampered(
  claim: string,
  change: (message: Message, stage: Stage) => Message | Promise<Message>,
  expected: Outcome,
  { base = {}, ...rest }: CaseOptions = {},
): Case {
  return {
    claim,
    ...rest,
    valid: (stage) => craft(stage, base),
    attack: async (stage, valid) => {
      const message = await change(valid, stage)
      return () => stage.send(message)
    },
    expected,
  }
}

/** The base case, sent while something around it is changed. */
export function surrounded(
  claim: string,
  change: (stage: Stage, valid: Message) => void | Promise<void>,
  expected: Outcome,
  options: CaseOptions = {},
): Case {
  return tampered(
    claim,
    async (message, stage) => {
      await change(stage, message)
      return message
    },
    expected,
    options,
  )
}

/** A message that must pass. */
export function passes(
  claim: string,
  parts: PartsOf = {},
  { also, ...options }: SigningOptions & Pick<Outcome, 'also'> = {},
): Case {
  return resigned(claim, parts, { ...accepted, ...(also ? { also } : {}) }, options)
}

/** The value of a header that must be present. */
export function headerOf({ headers }: Message, name: string): string {
  return headers.find(([candidate]) => candidate === name)?.[1] ?? ''
}

/** A case with a changed header. */
export function headerChanged(
  claim: string,
  name: string,
  change: (value: string) => string | undefined,
  expected: Outcome,
  options: CaseOptions = {},
): Case {
  return tampered(claim, (message) => withHeader(message, name, change), expected, options)
}
