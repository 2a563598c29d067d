import { AgentError } from '../../lib/agent-error.js'
import { AAuthError } from '../../lib/errors.js'
import { parseJsonObject } from '../../lib/json.js'
import { readStream } from '../../lib/read-stream.js'

/** Bytes of an auth server's answer that are read. */
const maxAnswer = 65_536

/** The JSON object that an auth server answered; undefined for anything else. @throws AgentError when it is too large */
export async function readAnswer(response: Response): Promise<Record<string, unknown> | undefined> {
  if (response.body === null) return undefined
  try {
    return parseJsonObject(new TextDecoder().decode(await readStream(response.body, maxAnswer)))
  } catch (cause) {
    if (!(cause instanceof AAuthError) || cause.code !== 'body_too_large') throw cause
    throw new AgentError('token_request_failed', `The auth server answered more than ${maxAnswer} bytes.`, { cause })
  }
}
