import { parseDictionary } from 'structured-headers'
import { fieldValues, type ReceivedMessage } from './received-message.js'

/**
 * Whether a message claims a signature of AAuth: it has a signature field, and not only signatures whose tag names another
 * protocol (RFC 9421 §2.3), such as the one that Web Bot Auth puts on every request of a crawler. Verifies nothing: a message
 * without a claim may pass as unsigned, if unsigned ones may.
 */
export function isSignedMessage(message: Pick<ReceivedMessage, 'rawHeaders'>): boolean {
  const inputs = fieldValues(message, 'signature-input')
  const isSigned =
    inputs.length > 0 ||
    fieldValues(message, 'signature').length > 0 ||
    fieldValues(message, 'signature-key').length > 0
  return isSigned && !isTagged(inputs.join(', '))
}

function isTagged(signatureInput: string): boolean {
  try {
    const members = [...parseDictionary(signatureInput).values()]
    return members.length > 0 && members.every(([, parameters]) => typeof parameters.get('tag') === 'string')
  } catch {
    return false
  }
}
