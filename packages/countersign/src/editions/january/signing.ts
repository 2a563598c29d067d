import type { SigningForm } from '../../httpsig/signing-profile.js'
import { serializeSignatureKey } from './signature-key.js'

/** How requests are signed (S§10.3–10.5, W5–W9). */
export const januarySigning: SigningForm = {
  components: [
    { name: '@method', when: 'always' },
    { name: '@authority', when: 'always' },
    { name: '@path', when: 'always' },
    { name: '@query', when: 'query' },
    { name: 'content-type', when: 'body' },
    { name: 'content-digest', when: 'body' },
    { name: 'nonce', when: 'nonce' },
    { name: 'signature-key', when: 'always' },
  ],
  window: 60,
  nonceBytes: 12,
  label: 'sig1',
  serializeKey: serializeSignatureKey,
}

/** The headers in which an answer says what was wrong with a signature, and what would let the request through (S§4, 12). */
export const januaryHeaders = { problem: 'Signature-Error', challenge: 'Agent-Auth' } as const
