import { AAuthError } from 'countersign'
import { AgentError } from 'countersign/agent'
import { causeMessages } from 'countersign/discovery'
import {
  fieldValues,
  importVerificationKey,
  type KeyReference,
  parseSignatureInput,
  type VerificationKey,
} from 'countersign/signatures'
import { confirmationJwk, decodeToken, parseJsonObject } from 'countersign/tokens'
import { CommandError, exitStatus } from '../command/errors.js'
import type { CommandEdition } from '../editions/command-edition.js'
import type { DemoEdition } from '../editions/demo-edition.js'
import { receivedMessage, type TracedRequest, type TraceEvent } from '../message-trace/trace-event.js'
import { addressHint } from '../network/fetch-problems.js'
import { knownMistake } from '../signature-mistakes/known-mistake.js'

/** In every edition. Header names in a trace are lowercase. */
const problem = 'signature-error'

/**
 * Wraps an event listener. When an agent's signature or token request is refused here, the wrapper prints a hint (each hint at most once):
 * the signer's mistake if it is a known one, otherwise, with `hintsAtInterop`, the flag for older forms of the protocol.
 */
export function noticeRefusals(
  onEvent: (event: TraceEvent) => void,
  notify: (text: string) => void,
  { edition, hintsAtInterop }: { edition: DemoEdition; hintsAtInterop: boolean },
): (event: TraceEvent) => void {
  const said = new Set<string>()
  const mistakes = createMistakeFinder(edition.command.protocol)

  function say(text: string): void {
    if (said.has(text)) return
    said.add(text)
    notify(text)
  }

  async function explain(event: Extract<TraceEvent, { kind: 'response-sent' }>): Promise<void> {
    const mistake = await mistakes.find(event.request)
    if (mistake !== undefined) say(edition.hasOlderForm ? `${mistake} --interop does not fix this.` : mistake)
    else if (hintsAtInterop) say(interopHint)
  }

  return (event) => {
    onEvent(event)
    mistakes.note(event)
    if (event.kind !== 'response-sent' || event.from !== 'agent') return
    const { status, headers } = event.response
    const ofSignature = headers.some(
      ([name, value]) => name === problem && /\berror=invalid_(?:input|signature)\b/.test(value),
    )
    if (ofSignature || (event.to === 'auth-server' && status === 400)) void explain(event)
  }
}

/** Finds the mistake in the signature of a refused request. */
export interface MistakeFinder {
  /** Records the documents and keys that were fetched, because verifying later requests needs them. */
  note(event: TraceEvent): void
  /** Describes the mistake in the request's signature, or returns undefined if it is not a known one. Never rejects. */
  find(request: TracedRequest): Promise<string | undefined>
}

const maxDocuments = 1000

export function createMistakeFinder({ signing, documents }: CommandEdition['protocol']): MistakeFinder {
  /** Documents and key sets, by URL. */
  const published = new Map<string, Readonly<Record<string, unknown>>>()

  function keyOf(signatureKey: string): unknown {
    const { key } = signing.parseKey(signatureKey)
    if (key.scheme === 'hwk') return key.jwk
    if (key.scheme === 'jwt') return confirmationJwk(decodeToken(key.jwt)?.payload ?? {})
    if (key.scheme !== 'jwks') return undefined
    const { keys } = published.get(keySetOf(key)) ?? {}
    return Array.isArray(keys) ? keys.find((jwk) => isNamed(jwk, key.kid)) : undefined
  }

  function keySetOf(key: Extract<KeyReference, { scheme: 'jwks' }>): string {
    if ('jwksUri' in key) return key.jwksUri
    const { id, wellKnown = documents.agent.name } = key
    const jwksUri = published.get(`${id}/.well-known/${wellKnown}`)?.jwks_uri
    return typeof jwksUri === 'string' ? jwksUri : id
  }

  return {
    note(event) {
      if (event.kind !== 'response-received') return
      const document = parseJsonObject(event.response.body ?? '')
      if (!document || !('keys' in document || 'jwks_uri' in document)) return
      if (published.size >= maxDocuments) published.clear()
      published.set(event.request.url, document)
    },
    async find(request) {
      const message = receivedMessage(request)
      const [signatureKey = ''] = fieldValues(message, 'signature-key')
      const [signatureInput = ''] = fieldValues(message, 'signature-input')
      const [signature = ''] = fieldValues(message, 'signature')
      try {
        const input = parseSignatureInput(signatureInput)
        const key: VerificationKey = await importVerificationKey(keyOf(signatureKey), documents.agent.jose)
        return await knownMistake({ message, authority: new URL(request.url).host, input, signature }, key)
      } catch (error) {
        if (error instanceof AAuthError) return undefined
        throw error
      }
    },
  }
}

function isNamed(jwk: unknown, kid: string): boolean {
  return typeof jwk === 'object' && jwk !== null && 'kid' in jwk && jwk.kid === kid
}

/** Hint for a peer that refuses a message it was sent. */
export const interopHint = 'A peer that uses an older form of the protocol needs --interop.'

/** Converts the error of a failed flow into a message for the user who started it, with the causes and any flag that may help. */
export function flowFailure(error: unknown, hintsAtInterop: boolean): unknown {
  if (!(error instanceof AgentError)) return error
  const [sentence, exitCode] = describe(error, hintsAtInterop)
  return new CommandError(sentence, { exitCode, cause: error })
}

function describe(error: AgentError, hintsAtInterop: boolean): [sentence: string, exitCode: number] {
  const { code, message } = error
  switch (code) {
    case 'auth_server_unknown': {
      const reason = causeMessages(error).at(-1)
      const told =
        reason === undefined || message.includes(reason) ? message : `${message.replace(/\.$/, '')} (${reason}).`
      const hint = addressHint(error)
      return [
        hint === undefined ? told : `${told} ${hint}`,
        isUnreachable(error.cause) ? exitStatus.network : exitStatus.refused,
      ]
    }
    case 'auth_server_unreachable':
      return [message, exitStatus.network]
    case 'auth_server_refused':
      return [`${message} Use --auth-server-url to set the auth server.`, exitStatus.refused]
    case 'token_request_failed':
      return [hintsAtInterop ? `${message.replace(/\.?$/, '.')} ${interopHint}` : message, exitStatus.refused]
    default:
      return [message, exitStatus.refused]
  }
}

function isUnreachable(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'reason' in cause && cause.reason === 'unreachable'
}
