import { AAuthError } from '../lib/errors.js'
import type { MessageFields } from './message-fields.js'
import { fieldValues, type ReceivedMessage } from './received-message.js'
import type { SignatureInput } from './signature-input.js'
import { coverageOf, type SigningProfile } from './signing-profile.js'
import type { Target } from './target.js'

/** Whether a signature must cover the body, or may leave it out. */
export type BodyCoverage = 'required' | 'if-covered'

/**
 * Checks that the signature covers what the profile requires of a request with these parts, and nothing that is absent.
 *
 * @throws AAuthError `component_missing`, `component_forbidden`
 */
export function requireCoverage(
  input: SignatureInput,
  profile: SigningProfile,
  present: { query: boolean; body: boolean; nonce: boolean },
  body: BodyCoverage,
): void {
  const expected = coverageOf(profile, present)
  if (expected.length === input.components.length && expected.every((name, at) => name === input.components[at])) return
  const missing: string[] = []
  for (const { name, when } of profile.components) {
    const covered = input.components.includes(name)
    if (when === 'always' || present[when]) {
      if (!covered && !(when === 'body' && body === 'if-covered')) missing.push(name)
    } else if (covered) {
      throw new AAuthError('component_forbidden', `${name} is covered, but the request has no ${when}.`)
    }
  }
  if (missing.length > 0) {
    throw new AAuthError('component_missing', `The signature does not cover ${missing.join(', ')}.`, {
      requiredInput: missing,
    })
  }
}

/**
 * The values of the covered components, in their order.
 *
 * @throws AAuthError `component_unsupported`, `component_missing`
 */
export function componentValues(
  components: readonly string[],
  message: ReceivedMessage,
  fields: MessageFields,
  target: Target,
  authority: string,
): string[] {
  const values: string[] = []
  for (const component of components) values.push(componentValue(component, message, fields, target, authority))
  return values
}

function componentValue(
  component: string,
  message: ReceivedMessage,
  fields: MessageFields,
  target: Target,
  authority: string,
): string {
  switch (component) {
    case '@method':
      return message.method
    case '@authority':
      return authority
    case '@path':
      return target.path
    case '@query':
      return target.query ?? '?'
    // It was parsed, so it is printable ASCII and occurs once.
    case 'signature-key':
      return fields['signature-key'] ?? requireField(message, component)
    default:
      return requireField(message, component)
  }
}

/**
 * The value of a covered field.
 *
 * @throws AAuthError `component_unsupported`, `component_missing`
 */
export function requireField(message: ReceivedMessage, name: string): string {
  if (name.startsWith('@'))
    throw new AAuthError(
      'component_unsupported',
      `The component ${name} is not used here: cover @method, @authority, @path, @query and fields.`,
    )
  const values = fieldValues(message, name)
  if (values.length === 0)
    throw new AAuthError('component_missing', `The signature covers ${name}, which the request does not have.`)
  const value = values.join(', ')
  // A base is ASCII (RFC 9421 §2.5), and a line feed in a value would be a line of the base.
  if (!/^[\t\x20-\x7e]*$/.test(value))
    throw new AAuthError('component_unsupported', `The value of ${name} is not printable ASCII.`)
  return value
}
