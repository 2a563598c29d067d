import type { SigningForm } from '../../httpsig/signing-profile.js'
import { serializeSignatureKey } from './serialize-signature-key.js'

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
