import { type ReceivedMessage, trimSpace } from './received-message.js'

/** Fields that every signed request is checked for. */
export type MessageField = 'host' | 'nonce' | 'signature' | 'signature-key' | 'signature-input'

/** The last value of each of them, and the names of those that are there more than once. */
export type MessageFields = Record<MessageField, string | undefined> & { repeated: readonly MessageField[] }

/** By length, which no two of them share. */
const byLength: readonly MessageField[] = Array.from(
  { length: 16 },
  (_, length) =>
    (['host', 'nonce', 'signature', 'signature-key', 'signature-input'] as const).find(
      (name) => name.length === length,
    ) ?? 'host',
)

/** Reads them in one pass over the header lines. */
export function readMessageFields({ rawHeaders }: ReceivedMessage): MessageFields {
  const repeated: MessageField[] = []
  const fields: MessageFields = {
    host: undefined,
    nonce: undefined,
    signature: undefined,
    'signature-key': undefined,
    'signature-input': undefined,
    repeated,
  }
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] as string
    if (candidate.length > 15) continue
    const name = byLength[candidate.length] as MessageField
    if (candidate !== name && (candidate.length !== name.length || candidate.toLowerCase() !== name)) continue
    if (fields[name] !== undefined) repeated.push(name)
    fields[name] = trimSpace(rawHeaders[i + 1] as string)
  }
  return fields
}
